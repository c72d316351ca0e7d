import type { Node } from "../attachment/node.ts";
import type { LogFields } from "../text/log-line.ts";
import type { CniRequest, Environment } from "./request.ts";

/** One call, as every verb gets it. */
export interface Call {
  readonly request: CniRequest;
  readonly env: Environment;
  /** Whether the runtime still waits for the answer. */
  readonly isRead: () => boolean;
  readonly node: Node;
  /** Adds to the call's line in the log. */
  readonly note: (fields: LogFields) => void;
  /** Logs a warning, once per verb and boot. */
  readonly warnOnce: (message: string) => void;
  /** Logs a warning. */
  readonly warn: (message: string) => void;
}
