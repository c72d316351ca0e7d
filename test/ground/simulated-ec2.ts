// `branchline simulate` as a process, and what one asks it besides the product.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

/** A world of thousands of instances takes some seconds, a data plane on a busy machine a minute. */
const START_MS = 180_000;
/** Of its log, for the error of one that does not start. */
const TAIL = 4_000;

export interface SimulatorOptions {
  /** The executable. */
  readonly program: string;
  /** A world file's text. */
  readonly world: string;
  /** More flags. */
  readonly flags?: readonly string[];
  /** Hears each line of its log. */
  readonly hear?: (line: string) => void;
}

/** Where it listens. */
export interface Endpoints {
  readonly ec2: string;
  readonly metadata: string;
  readonly control: string;
}

export class SimulatedEc2 implements AsyncDisposable {
  readonly endpoints: Endpoints;
  readonly stop: () => Promise<void>;

  private constructor(endpoints: Endpoints, stop: () => Promise<void>) {
    this.endpoints = endpoints;
    this.stop = stop;
  }

  /** Resolves once it listens, and its data plane stands if it has one. */
  static async start({ program, world, flags = [], hear }: SimulatorOptions): Promise<SimulatedEc2> {
    const directory = mkdtempSync(path.join(tmpdir(), "branchline-world-"));
    const file = path.join(directory, "world.yaml");
    writeFileSync(file, world);
    // Should we be killed, it goes with us.
    const argv = ["--pdeathsig", "KILL", program, "simulate", "--world", file, ...flags];
    const child = spawn("setpriv", argv, { stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "close");
    let log = "";
    child.stderr.on("data", (data: Buffer) => {
      log = (log + data.toString()).slice(-TAIL);
    });
    if (hear !== undefined) createInterface(child.stderr).on("line", hear);
    const stop = async () => {
      // Not by SIGKILL: its namespaces go with it.
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    };
    try {
      const line = once(createInterface(child.stdout), "line", { signal: AbortSignal.timeout(START_MS) });
      const [text] = (await Promise.race([line, ended.then(() => ["it has ended"])])) as [string];
      return new SimulatedEc2(JSON.parse(text) as Endpoints, stop);
    } catch (error) {
      await stop();
      throw new Error(`the simulator does not start: ${log}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A call of EC2, as whoever runs the account makes it; gives the answer's XML. */
export async function callEc2(
  url: string,
  action: string,
  params: Readonly<Record<string, string>>,
): Promise<string> {
  const body = new URLSearchParams({ Action: action, Version: "2016-11-15", ...params });
  const answer = await fetch(url, { method: "POST", body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${action}: ${answer.status} ${text}`);
  return text;
}

/** Asks the control endpoint; gives its JSON. */
export async function control(url: string, method: string, what: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${url}/${what}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} /${what}: ${answer.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}
