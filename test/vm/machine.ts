import { spawn } from "node:child_process";
import type { Console } from "./console.ts";

/** How a machine's process ended, and who ended it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The process could not be started at all. */
  readonly error: Error | undefined;
  /** What qemu itself complained of. */
  readonly complaint: string;
  /** We ended it: its time was over, or the caller gave up. */
  readonly cut: "deadline" | "abort" | undefined;
  readonly seconds: number;
}

/** Bounds on a machine's run. */
export interface Limits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const maxComplaint = 4_096;
// A qemu asked to end does so at once; one that is stuck in the kernel gets no more asking.
const graceMs = 2_000;

/** Runs a machine's command until it ends or a limit cuts it; resolves, always, once its process is gone. */
export async function runMachine(
  [program, ...args]: readonly [string, ...string[]],
  console: Console,
  limits: Limits,
): Promise<Ending> {
  const begin = performance.now();
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let cut: Ending["cut"];
  let complaint = "";
  let grace: NodeJS.Timeout | undefined;

  const end = (reason: "deadline" | "abort"): void => {
    cut ??= reason;
    child.kill("SIGTERM");
    grace ??= setTimeout(() => child.kill("SIGKILL"), graceMs);
  };
  const onAbort = (): void => end("abort");
  const deadline = setTimeout(() => end("deadline"), limits.timeoutMs);
  limits.signal?.addEventListener("abort", onAbort);
  if (limits.signal?.aborted === true) onAbort();

  child.stdout.on("data", (bytes: Buffer) => console.write(bytes));
  child.stderr.on("data", (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(0, maxComplaint);
  });
  const settle = (code: number | null, signal: NodeJS.Signals | null, error?: Error): void => {
    clearTimeout(deadline);
    clearTimeout(grace);
    limits.signal?.removeEventListener("abort", onAbort);
    console.end();
    const seconds = (performance.now() - begin) / 1000;
    resolve({ code, signal, error, complaint: complaint.trim(), cut, seconds });
  };
  child.once("error", (error) => settle(null, null, error));
  // close, not exit: the last words are still in the pipe.
  child.once("close", (code, signal) => settle(code, signal));
  return promise;
}
