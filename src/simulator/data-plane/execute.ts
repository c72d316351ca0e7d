import { spawn } from "node:child_process";

/** A command of the data plane has failed: the message, one line, has the command's own words. */
export class CommandError extends Error {
  /** What it was told on stdin. */
  readonly input: string;

  constructor(message: string, input: string, options?: ErrorOptions) {
    super(message, options);
    this.input = input;
  }
}

/** What a kernel without 8021q says of a VLAN device. */
const NO_VLAN = /Unknown device type|Operation not supported/;

const TIMEOUT_MS = 60_000;

/** Runs a command to its end and gives its output; throws a CommandError unless it ends with 0 within a minute. */
export function execute(argv: readonly [string, ...string[]], input = ""): Promise<string> {
  const [file, ...args] = argv;
  return new Promise((resolve, reject) => {
    // In a group of its own: Ctrl-C is for us, and not for a change that is half done.
    const child = spawn(file, args, { stdio: "pipe", detached: true });
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, TIMEOUT_MS);
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => void out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => void errors.push(chunk));
    // A command that ends before it has read its input is judged by its status.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(new CommandError(`${file} cannot be run: ${cause.message}`, input, { cause }));
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      if (status === 0) return resolve(Buffer.concat(out).toString());
      const [said = ""] = Buffer.concat(errors).toString().trim().split("\n");
      const how = signal === null ? `exit status ${status}` : signal;
      const hint =
        NO_VLAN.test(said) && input.includes("type vlan") ? " (branches need the module 8021q)" : "";
      reject(new CommandError(`${argv.join(" ")}: ${how}: ${said}${hint}`, input));
    });
  });
}

/** Runs a shell's script in a namespace, or in this one. */
export function shell(netns: string | undefined, script: string): Promise<string> {
  return execute([...inside(netns), "sh", "-e"], script);
}

/** Names of the namespaces under /run/netns. */
export async function listNamespaces(): Promise<string[]> {
  const listed = await execute(["ip", "netns", "list"]);
  return listed.split("\n").flatMap((line) => line.split(" ")[0] || []);
}

/** The words before a command that is to run in a namespace. */
function inside(netns: string | undefined): [string, ...string[]] {
  return netns === undefined ? ["env"] : ["ip", "netns", "exec", netns];
}
