import type { Operation } from "./operation.ts";

/** Why a datapath could not be built. The contract maps each to a code of its own. */
export type DatapathFailure =
  /** There is no such trunk. */
  | "trunk"
  /** The VLAN id belongs to another living pod. */
  | "held"
  /** The branch's gateway does not answer yet. */
  | "gateway"
  /** The kernel refused, or could not be asked. */
  | "kernel"
  /** The configuration does not fit what is on this node. */
  | "config"
  /** The assignment does not fit what is on this node. */
  | "assignment"
  /** The pod's network namespace cannot be used. */
  | "namespace";

export class DatapathError extends Error {
  override name = "DatapathError";
  readonly failure: DatapathFailure;
  /** More findings, one a line. */
  readonly details: readonly string[];
  /** The operation that the kernel refused. */
  readonly operation?: Operation;

  constructor(
    failure: DatapathFailure,
    message: string,
    options: { cause?: unknown; details?: readonly string[]; operation?: Operation } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.failure = failure;
    this.details = options.details ?? [];
    if (options.operation !== undefined) this.operation = options.operation;
  }
}
