// A server to ask: the simulator, or moto's, as a process of its own on a free port of loopback.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

const ROOT = join(import.meta.dirname, "../..");
const START_MS = 20_000;

export interface Server extends AsyncDisposable {
  /** Where EC2 answers. */
  url: string;
  /** Where the simulator is steered; "" for moto. */
  control: string;
}

/**
 * Starts `branchline simulate` and waits until it says where it listens.
 *
 * @throws {Error} when it ends, or says nothing in time
 */
export async function startSimulator(...flags: string[]): Promise<Server> {
  const executable = process.env["BRANCHLINE"] ?? join(ROOT, "dist/branchline");
  const child = spawn(executable, ["simulate", "--listen", "127.0.0.1:0", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (data: Buffer) => {
    log = (log + data.toString()).slice(-4_000);
  });
  const stop = async () => {
    if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "exit");
  };
  const line = await Promise.race([
    once(createInterface(child.stdout), "line").then(([first]) => String(first)),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`simulate ended with ${code}: ${log}`))),
    setTimeout(START_MS, undefined, { ref: false }).then(() => ""),
  ]);
  if (line === "") {
    await stop();
    throw new Error(`simulate said nothing for ${START_MS / 1000} s: ${log}`);
  }
  const ready = JSON.parse(line) as { ec2: string; control: string };
  return { url: ready.ec2, control: ready.control, [Symbol.asyncDispose]: stop };
}

/**
 * Gives room for a VPC for each request of the table, and shortens what lags.
 *
 * @throws {Error} when the simulator does not take the settings
 */
export async function makeRoom(server: Server): Promise<void> {
  const settings = {
    attachSeconds: 0.1,
    detachSeconds: 0.1,
    instanceSeconds: 0.1,
    quotas: { vpcs: 10_000, interfaces: 100_000, prefixLists: 10_000 },
  };
  const answer = await fetch(`${server.control}/settings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(settings),
  });
  if (!answer.ok)
    throw new Error(`the simulator's control endpoint: ${answer.status} ${await answer.text()}`);
}

/**
 * Starts moto's server, of the environment that test/setup/aws-clients.sh made.
 *
 * @throws {Error} when it does not answer in time
 */
export async function startMoto(environment: string): Promise<Server> {
  const port = await freePort();
  const child = spawn(join(environment, "bin/moto_server"), ["-H", "127.0.0.1", "-p", String(port)], {
    stdio: "ignore",
  });
  const stop = async () => {
    if (child.exitCode === null && child.kill("SIGTERM")) await once(child, "exit");
  };
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + START_MS; ; await setTimeout(100)) {
    const answers = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answers) return { url, control: "", [Symbol.asyncDispose]: stop };
    if (child.exitCode !== null || Date.now() > end) {
      await stop();
      throw new Error(`moto_server does not answer on port ${port}`);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
