// The one place where the ground starts processes: always bounded in time, always awaited.
import { spawn } from "node:child_process";

/** What a finished command left behind. `status` is null when a signal ended it. */
export interface Outcome {
  readonly argv: readonly string[];
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export interface RunOptions {
  /** Written to stdin, which is closed afterwards; without it stdin is /dev/null. */
  readonly input?: string;
  /** Milliseconds until SIGKILL; 30 s unless told. Generous because the guest is emulated. */
  readonly timeout?: number;
  /** Replaces the environment when given; otherwise the caller's is inherited. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end and answers with what it said, whatever its status. */
export function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Outcome> {
  const [file, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      ...(options.env && { env: options.env }),
    });
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    // A command that ends before it has read its input is judged by its status, not by our EPIPE.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input);
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
      // A grandchild may keep the pipes open: do not wait for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, options.timeout ?? 30_000);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve({ argv, status, stdout, stderr, timedOut });
    });
  });
}

/** Like {@link run}, and throws with the command's own words unless it succeeded. */
export async function must(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(argv, options);
  if (outcome.status !== 0) throw new Error(describe(outcome, options.input));
  return outcome;
}

function describe(outcome: Outcome, input: string | undefined): string {
  const how = outcome.timedOut ? "timed out" : `exit status ${outcome.status}`;
  const said = (outcome.stderr + outcome.stdout).trim();
  return `${outcome.argv.join(" ")}: ${how}: ${said}${input === undefined ? "" : `\n--- input\n${input}`}`;
}

/** Waits until `check` answers something defined, or throws naming `what` after `timeout` milliseconds. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined> | T | undefined,
  timeout = 10_000,
): Promise<T> {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${timeout} ms`);
    await sleep(50);
  }
}

/** Resolves after `milliseconds`. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
