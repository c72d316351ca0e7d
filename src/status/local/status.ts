import type { KeptRecord } from "./facts.ts";

/** What `branchline status --local` says, before it is text or JSON. */

export interface NodeState {
  readonly now: number;
  readonly problems: readonly NodeProblem[];
  /** What could not be looked at, a line each. */
  readonly gaps: readonly string[];
  readonly trunk: TrunkState | undefined;
  readonly agent: "answers" | "silent" | "unknown";
  /** Sorted by VLAN id. */
  readonly records: readonly RecordState[];
  /** VLAN devices of the node that no record names. */
  readonly strangers: readonly { readonly name: string; readonly vlan: number }[];
}

export interface NodeProblem {
  readonly severity: "problem" | "warning";
  readonly kind: NodeProblemKind;
  /** What it is about: a pod, a file, a device. */
  readonly about: string;
  /** One line. */
  readonly message: string;
}

/** They never change their meaning. */
export type NodeProblemKind =
  | "StateUnusable"
  | "LocalRuleMissing"
  | "TrunkMissing"
  | "VlanTwice"
  | "RecordUnreadable"
  | "RecordDiffers"
  | "AgentSilent"
  | "SandboxGone"
  | "DeviceWithoutRecord";

export interface TrunkState {
  readonly mac: string;
  /** Undefined: no device has its MAC. */
  readonly device: string | undefined;
  readonly isUp: boolean;
}

/**
 * - `whole`: the kernel has all that the record says.
 * - `changing`: it differs, and was written a moment ago: an ADD or DEL may be under way.
 * - `differs`: it differs.
 * - `gone`: the pod's network namespace is gone, and DEL has not come.
 * - `unreadable`: the record cannot be read.
 */
export type RecordStateName = "whole" | "changing" | "differs" | "gone" | "unreadable";

export interface RecordState {
  readonly file: string;
  readonly vlan: number;
  readonly state: RecordStateName;
  /** Undefined when it cannot be read. */
  readonly record: KeptRecord | undefined;
  readonly differences: readonly string[];
  /** Undefined when the kernel was not looked at. */
  readonly rules: { readonly wanted: number; readonly found: number } | undefined;
}
