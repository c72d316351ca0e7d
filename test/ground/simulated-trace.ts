import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { distDirectory } from "./executable.ts";
import { eventually } from "./run.ts";

/** A running `branchline simulate trace`; it is killed when it is disposed of. */
export interface Trace extends Disposable {
  /** What it has said by now. */
  readonly said: () => string;
  /** Exit status and signal. */
  readonly ended: Promise<unknown[]>;
}

/** With these arguments, once it follows packets: within `patience` milliseconds. */
export async function startTrace(args: readonly string[], patience?: number): Promise<Trace> {
  const executable = path.resolve(import.meta.dirname, "../..", distDirectory, "branchline");
  const child = spawn(executable, ["simulate", "trace", ...args], { stdio: "pipe" });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "close");
  const end = () => void child.kill("SIGTERM");
  try {
    await eventually("the trace to begin", () => (said.includes("following") ? true : undefined), patience);
  } catch (error) {
    end();
    throw error;
  }
  return { said: () => said, ended, [Symbol.dispose]: end };
}
