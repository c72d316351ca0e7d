// Tiny servers and clients, light enough for an emulated machine: busybox, bash; Node only where UDP is served.
import { spawn, type ChildProcess } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { isV6 } from "./address.ts";
import { exec, inNetns, type Netns } from "./netns.ts";
import { eventually, type Outcome } from "./run.ts";

export interface Server {
  readonly pid: number;
  /** Ends the process and waits for its end. */
  stop(): Promise<void>;
}

export interface ServeOptions {
  readonly port: number;
  readonly protocol?: "tcp" | "udp";
  /** What the server says it is, so that a client knows whom it reached. */
  readonly name: string;
}

/**
 * Serves HTTP over TCP (both families), or UDP datagrams, in a namespace. Every answer is one line,
 * `<name> <the client's address as the server sees it>`. Resolves once it listens.
 */
export async function serve(netns: Netns, options: ServeOptions): Promise<Server> {
  return options.protocol === "udp" ? serveUdp(netns, options) : serveHttp(netns, options);
}

async function serveHttp(netns: Netns, { port, name }: ServeOptions): Promise<Server> {
  const root = await mkdtemp(path.join(tmpdir(), "ground-http-"));
  await mkdir(path.join(root, "cgi-bin"));
  const script = path.join(root, "cgi-bin", "who");
  await writeFile(
    script,
    `#!/bin/sh
# busybox writes "[::ffff:10.0.0.5]" for what came over IPv4.
peer=\${REMOTE_ADDR#[} peer=\${peer%]}
printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "${name} \${peer#::ffff:}"
`,
  );
  await chmod(script, 0o755);
  const argv = inNetns(netns, ["busybox", "httpd", "-f", "-p", String(port), "-h", root]);
  return start(argv, port, "tcp", () => rm(root, { recursive: true, force: true }));
}

async function serveUdp(netns: Netns, { port, name }: ServeOptions): Promise<Server> {
  const script = path.join(import.meta.dirname, "udp-server.mjs");
  return start(inNetns(netns, [process.execPath, script, String(port), name]), port, "udp", () =>
    Promise.resolve(),
  );
}

async function start(
  [file, ...args]: [string, ...string[]],
  port: number,
  protocol: "tcp" | "udp",
  cleanUp: () => Promise<void>,
): Promise<Server> {
  const child = spawn(file, args, { stdio: "ignore" });
  const { pid } = child;
  const ended = new Promise<void>((resolve) => {
    child.on("exit", () => resolve());
    child.on("error", () => resolve());
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    await cleanUp();
  };
  if (pid === undefined) throw new Error(`${file} could not be started`);
  try {
    await eventually(`${protocol} port ${port} served by ${file}`, () => listens(child, pid, port, protocol));
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid, stop };
}

/** Reads the socket tables of the process's own namespace: no probe, no packet, no process. */
async function listens(
  child: ChildProcess,
  pid: number,
  port: number,
  protocol: string,
): Promise<true | undefined> {
  if (child.exitCode !== null)
    throw new Error(`the server of port ${port} ended with status ${child.exitCode}`);
  // TCP listens in state 0A, a bound UDP socket is in 07.
  const wanted = new RegExp(
    `:${port.toString(16).toUpperCase().padStart(4, "0")} \\S+ ${protocol === "tcp" ? "0A" : "07"} `,
  );
  const tables = await Promise.all(
    [protocol, `${protocol}6`].map((table) => readFile(`/proc/${pid}/net/${table}`, "utf8").catch(() => "")),
  );
  // Until `ip netns exec` has entered the namespace its pid shows ours: ask what the process is by then.
  const program = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  return program.trim() !== "ip" && tables.some((table) => wanted.test(table)) ? true : undefined;
}

/** What became of an attempt: an answer, a reset, silence, or no route to try. */
export type Reach = "reached" | "refused" | "timed out" | "unreachable";

export interface Attempt {
  readonly reach: Reach;
  /** The server's line, `<name> <client address>`, when reached. */
  readonly reply: string;
}

export interface ConnectOptions {
  readonly port: number;
  readonly protocol?: "tcp" | "udp";
  /** Seconds; 3 unless told: a whole handshake takes milliseconds even in the guest. */
  readonly timeout?: number;
}

/** Tries to reach a server that {@link serve} started (or any port, for which the reply may be empty). */
export async function connect(netns: Netns, address: string, options: ConnectOptions): Promise<Attempt> {
  const timeout = options.timeout ?? 3;
  const outcome =
    options.protocol === "udp"
      ? await tryUdp(netns, address, options.port, timeout)
      : await tryTcp(netns, address, options.port, timeout);
  return { reach: reachOf(outcome), reply: outcome.stdout.trim().split("\n").at(-1)?.trim() ?? "" };
}

function tryTcp(netns: Netns, address: string, port: number, timeout: number): Promise<Outcome> {
  return exec(netns, ["busybox", "nc", "-w", String(timeout), address, String(port)], {
    input: "GET /cgi-bin/who HTTP/1.0\r\n\r\n",
    timeout: timeout * 1000 + 10_000,
  });
}

function tryUdp(netns: Netns, address: string, port: number, timeout: number): Promise<Outcome> {
  // bash's own read takes one byte at a time, which loses the rest of a datagram; head takes it whole.
  const script = `exec 3<>/dev/udp/${address}/${port} && echo who >&3 && timeout ${timeout} head -n 1 <&3
    status=$?; [ $status = 124 ] && echo "timed out" >&2; exit $status`;
  return exec(netns, ["bash", "-c", script], { timeout: timeout * 1000 + 10_000 });
}

function reachOf(outcome: Outcome): Reach {
  if (outcome.status === 0) return "reached";
  if (/refused/i.test(outcome.stderr)) return "refused";
  if (/unreachable|no route/i.test(outcome.stderr)) return "unreachable";
  if (outcome.timedOut || /timed? ?out/i.test(outcome.stderr)) return "timed out";
  throw new Error(`${outcome.argv.join(" ")}: status ${outcome.status}: ${outcome.stderr}${outcome.stdout}`);
}

/** One echo request; whether it was answered. */
export async function ping(netns: Netns, address: string, timeout = 3): Promise<boolean> {
  const family = isV6(address) ? "-6" : "-4";
  const outcome = await exec(netns, ["ping", family, "-n", "-c", "1", "-W", String(timeout), address]);
  return outcome.status === 0;
}
