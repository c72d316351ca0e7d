// branchline without a process of its own: in the guest each start of the executable costs more than a second.
import type { Node } from "../../../src/attachment/node.ts";
import { run } from "../../../src/cni/run.ts";
import type { CniResult } from "../../ground/index.ts";

export type Command = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";

/** The error document of a call that failed. */
export interface Failure {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

export interface Answer {
  readonly status: 0 | 1;
  /** All that went to stdout. */
  readonly stdout: string;
  readonly failure: Failure | undefined;
}

/** One call, with nothing in its environment but what is given, and the node's own state in /run/branchline. */
export async function callPlugin(
  command: Command,
  env: Readonly<Record<string, string>>,
  config: Readonly<Record<string, unknown>>,
  node?: Node,
): Promise<Answer> {
  const written: string[] = [];
  const status = await run({
    env: { CNI_COMMAND: command, CNI_PATH: "/nonexistent", ...env },
    readStdin: () => Buffer.from(JSON.stringify(config)),
    writeStdout: (text) => written.push(text),
    ...(node !== undefined && { node }),
  });
  if (written.length > 1) throw new Error(`${written.length} documents on stdout: ${written.join("\n")}`);
  const stdout = written.join("");
  return { status, stdout, failure: status === 0 ? undefined : JSON.parse(stdout) };
}

/** The result of an ADD; throws what a failed one said. */
export function resultOf(answer: Answer): CniResult {
  if (answer.failure !== undefined) {
    const { code, msg, details = "" } = answer.failure;
    throw new Error(`code ${code}: ${msg}\n${details}`);
  }
  return JSON.parse(answer.stdout);
}
