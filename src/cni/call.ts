import type { Node } from "../attachment/node.ts";
import type { LogFields } from "./log.ts";
import type { CniRequest, Environment } from "./request.ts";

/** One call, as every verb gets it. */
export interface Call {
  readonly request: CniRequest;
  readonly env: Environment;
  readonly node: Node;
  /** Adds to the call's line in the log. */
  readonly note: (fields: LogFields) => void;
  /** A line of its own in the log, the first time since boot that this verb has it to say. */
  readonly warnOnce: (message: string) => void;
  /** A line of its own in the log. */
  readonly warn: (message: string) => void;
}
