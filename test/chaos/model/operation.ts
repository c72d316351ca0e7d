import type { Sandbox } from "./pool.ts";

/**
 * One round, with everything that was chosen for it: a sequence of these is JSON and can be run again, with some of
 * them left out, without the generator that made it.
 */

export type Mode = "direct" | "standard" | "strict";

/** Two networks, since GC speaks of one only. */
export type Network = "chaos" | "second";

/** How a call is ended before its time. */
export type Kill =
  /** In this process: before the so manyth change, after which nothing that it does happens. */
  | { readonly by: "gate"; readonly change: number }
  /** The executable, as it enters the so manyth system call of a kind. */
  | { readonly by: "strace"; readonly syscall: string; readonly when: number }
  /** The executable, after so many milliseconds. */
  | { readonly by: "delay"; readonly milliseconds: number };

export interface Add {
  readonly op: "add";
  readonly sandbox: Sandbox;
  /** Number of the branch ENI in the annotation; without it the pod has no annotation. */
  readonly eni?: number;
  readonly mode: Mode;
  readonly network: Network;
  /** With manageEarlyDemux. */
  readonly earlyDemux?: true;
  /** The annotation lacks its MAC. */
  readonly broken?: true;
  readonly kill?: Kill;
}

export interface Check {
  readonly op: "check";
  readonly sandbox: number;
}

export interface Del {
  readonly op: "del";
  readonly sandbox: number;
  /** CNI_NETNS is empty and there is no prevResult; `all`: nor the annotation. */
  readonly forgotten?: "path" | "all";
  /** What the runtime does in the end: the primary's DEL, and the namespace goes. */
  readonly bury?: true;
  readonly kill?: Kill;
}

export interface Gc {
  readonly op: "gc";
  /** A name that no attachment was made under is possible too. */
  readonly network: Network | "elsewhere";
  /** The sandboxes that the runtime lists; null and absent both mean that it does not know. */
  readonly valid: readonly number[] | null | "absent";
  /** Under the key of the specification's drafts. */
  readonly draft?: true;
  readonly kill?: Kill;
}

/** What is called for the plugin, alone or two at a time. */
export type Call = Add | Check | Del | Gc | { readonly op: "status" };

export type Operation =
  | Call
  /** Two calls of the executable at the same time. */
  | { readonly op: "pair"; readonly calls: readonly [Call, Call] }
  /** The namespace is deleted, whatever is attached in it. */
  | { readonly op: "destroy"; readonly sandbox: number }
  /** And another is made at its path. */
  | { readonly op: "replace"; readonly sandbox: number; readonly by: Sandbox }
  /** The node's end of the veth pair is deleted, and so the other. */
  | { readonly op: "unplug"; readonly sandbox: number }
  | { readonly op: "trunk"; readonly up: boolean }
  /** A strict pod of another maker comes to the node, or goes. */
  | { readonly op: "neighbour"; readonly strict: boolean };

/** What happens beside the calls. */
export type Accident = Exclude<Operation, Call | { op: "pair" }>;

/** The calls of an operation: none of an accident. */
export function callsOf(operation: Operation): readonly Call[] {
  if (operation.op === "pair") return operation.calls;
  return isAccident(operation) ? [] : [operation];
}

const ACCIDENTS: readonly string[] = ["destroy", "replace", "unplug", "trunk", "neighbour"];

export function isAccident(operation: Operation): operation is Accident {
  return ACCIDENTS.includes(operation.op);
}

/** The sandboxes that an operation names. */
export function sandboxesOf(operation: Operation): number[] {
  if (isAccident(operation)) {
    if (operation.op === "replace") return [operation.sandbox, operation.by.id];
    return "sandbox" in operation ? [operation.sandbox] : [];
  }
  return callsOf(operation).flatMap((call) => {
    if (call.op === "add") return [call.sandbox.id];
    return "sandbox" in call ? [call.sandbox] : [];
  });
}
