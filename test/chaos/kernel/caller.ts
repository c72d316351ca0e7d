import { STATE_DIRECTORY } from "../../../src/state/store.ts";
import type { CniResult } from "../../ground/cnitool.ts";
import { plainNode } from "../../kernel/faults/aftermath.ts";
import { Gate } from "../../kernel/faults/gate.ts";
import { gatedNode } from "../../kernel/faults/gated-node.ts";
import { runExecutable } from "../../kernel/faults/plugin.ts";
import { callPlugin, type Command } from "../../kernel/support/plugin.ts";
import type { Kill } from "../model/operation.ts";
import type { Plant } from "./plant.ts";
import type { Request } from "./requests.ts";

export interface Answer {
  /** 0 for success, else the error's code. */
  readonly code: number;
  /** The error's words. */
  readonly words: string;
  /** What ADD answered. */
  readonly result?: CniResult;
}

/** Undefined when the call was ended before it could answer. */
export type Reply = Answer | undefined;

/** One call in this process, which does not go on after the change that the kill says. */
export async function callHere({ env, config }: Request, kill?: Kill, plant?: Plant): Promise<Reply> {
  const { CNI_COMMAND: command = "", ...rest } = env;
  if (kill?.by !== "gate") {
    const node =
      plant === undefined ? plainNode(STATE_DIRECTORY) : plant(plainNode(STATE_DIRECTORY), command);
    const { stdout } = await callPlugin(command as Command, rest, config, node);
    return answerOf(stdout);
  }
  const gate = new Gate({ die: kill.change });
  const { stdout } = await callPlugin(command as Command, rest, config, gatedNode(STATE_DIRECTORY, gate));
  // What follows is another process, which nobody kills.
  gatedNode(STATE_DIRECTORY, new Gate());
  return gate.changes >= kill.change ? undefined : answerOf(stdout);
}

/** One call of the executable, perhaps ended by a real SIGKILL. */
export async function callExecutable({ env, config }: Request, kill?: Kill): Promise<Reply> {
  const ended = await runExecutable({ PATH: PATH, ...env }, JSON.stringify(config), {
    ...(kill?.by === "strace" && { prefix: straceFor(kill.syscall, kill.when) }),
    ...(kill?.by === "delay" && { killAfterMs: kill.milliseconds }),
  });
  if (ended.signal === "SIGKILL") return undefined;
  if (ended.status !== 0 && ended.stdout === "")
    throw new Error(`the executable ended with ${ended.status ?? ended.signal} and said: ${ended.stderr}`);
  return answerOf(ended.stdout);
}

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

function straceFor(syscall: string, when: number): string[] {
  const inject = `inject=${syscall}:signal=KILL:when=${when}`;
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${syscall}`, "-e", inject];
}

function answerOf(stdout: string): Answer {
  if (stdout === "") return { code: 0, words: "" };
  const document = JSON.parse(stdout) as CniResult & { code?: number; msg?: string; details?: string };
  if (document.code === undefined) return { code: 0, words: "", result: document };
  const { code, msg = "", details = "" } = document;
  return { code, words: details === "" ? msg : `${msg} (${details.replaceAll("\n", "; ")})` };
}
