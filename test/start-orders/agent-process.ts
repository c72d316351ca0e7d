import type { Question } from "../../src/state/question.ts";
import type { BranchAnswer, GoneAnswer } from "../../src/state/answer.ts";
import type { Circumstances } from "./circumstances.ts";
import type { ModelNode } from "./node.ts";

/** How an effect of a process that is dead by now ends; nobody outside sees it. */
class DeadError extends Error {
  override name = "DeadError";
}

export type Answer = (question: Question) => Promise<BranchAnswer | GoneAnswer>;

/**
 * One process of the agent. What it does to the outside is an effect; the process can be made to end before or after
 * its n-th one. From then on no effect happens, no timer wakes it, and no answer reaches it.
 */
export class AgentProcess {
  isAlive = true;
  /** So many have happened. */
  effects = 0;
  /** Stands for all directories of its options, so that what stands in for the node's files can tell processes apart. */
  readonly directory: string;
  readonly node: ModelNode;
  /** Of the directories that it watches. */
  readonly watchers: { readonly directory: string; readonly heard: (event: string, name: string) => void }[] =
    [];
  /** As by SIGTERM. */
  readonly terminate = new AbortController();
  private readonly end: Circumstances["end"];
  private readonly listeners: (() => void)[] = [];
  private readonly died: () => void;

  constructor(number: number, node: ModelNode, end: Circumstances["end"], died: () => void) {
    this.directory = `/agent-${number}`;
    this.node = node;
    this.end = end;
    this.died = died;
  }

  /** Throws DeadError when the process is dead before or after it. */
  do<T>(what: string, happen: () => T): T {
    const done = this.request(what, happen);
    if (done === "dead") throw new DeadError(what);
    return done;
  }

  /** For a request, of whose answer a dead process never hears. */
  request<T>(what: string, happen: () => T): T | "dead" {
    if (!this.isAlive) return "dead";
    this.effects += 1;
    const isLast = this.effects === this.end?.at;
    if (isLast && this.end?.when === "before" && this.finish(what)) return "dead";
    this.node.trace(() => `agent: ${what}`);
    const done = happen();
    if (isLast && this.end?.when === "after" && this.finish(what)) return "dead";
    return done;
  }

  /** Ends it at once. */
  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    if (this.node.socket?.agent === this) this.node.socket = undefined;
    for (const listener of this.listeners) listener();
    this.died();
  }

  /** A connection to it breaks then. */
  whenDead(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Whether it is dead now: after SIGTERM it goes on until it has ended by itself. */
  private finish(what: string): boolean {
    const { how = "", when = "" } = this.end ?? {};
    this.node.trace(() => `agent: ${how} ${when} ${what}`);
    // It is delivered between two events.
    if (how === "SIGTERM") this.node.clock.after(0, () => this.terminate.abort(new Error("SIGTERM")));
    else this.kill();
    return !this.isAlive;
  }
}
