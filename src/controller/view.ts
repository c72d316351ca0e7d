import type { CniNodeFacts, EniConfigFacts, NodeFacts, PodFacts } from "./facts.ts";
import type { Ledger } from "./ledger.ts";

/** What branches and interfaces an instance type can have. */
export interface TypeLimits {
  /** 0: the type can have no trunk. */
  readonly branches: number;
  /** Interfaces that can be attached, the primary included. */
  readonly interfaces: number;
}

export interface Settings {
  readonly cluster: string;
  /** `eks`: AWS's controller makes trunks and branches. */
  readonly mode: "standalone" | "eks";
  /** Milliseconds from a pod's end to its branch's release. */
  readonly cooldownMs: number;
  /** The groups of living pods follow their policies. */
  readonly liveGroups: boolean;
  readonly warm: WarmSettings;
  /** Undefined: nothing is known of the type. */
  readonly limitsOf: (type: string) => TypeLimits | undefined;
}

/** Branches without a pod that are kept for the next one. */
export interface WarmSettings {
  /** On each node that has or had a pod with a branch. */
  readonly target: number;
  /** Whether one that a pod has had is kept: for pods of the same groups alone, or for all of its namespace. */
  readonly recycle: "off" | "same-groups" | "across-groups";
  /** Of this process and no other: part of ClientTokens. */
  readonly life: string;
  /** How many more of all nodes there may be in a subnet; below 0: so many less. Undefined: not known yet. */
  readonly room: (subnet: string) => number | undefined;
}

/** All that is decided by, for one instance. */
export interface View {
  readonly settings: Settings;
  readonly ledger: Ledger;
  /** The Node whose instance it is; undefined: there is none, or no more. */
  readonly node: NodeFacts | undefined;
  readonly cniNode: CniNodeFacts | undefined;
  /** Of the CNINode's ENIConfig. `missing`: it names one that does not exist. */
  readonly eniConfig: EniConfigFacts | "missing" | undefined;
  /** Those on the node that have or want a branch, or had one. */
  readonly pods: readonly PodFacts[];
  /** The caches have had a whole list of everything. */
  readonly isComplete: boolean;
  /** Changes of policies and ServiceAccounts come as they are made: what the pods' groups are is known as of now. */
  readonly areGroupsCurrent: boolean;
  /** The groups of each policy of a namespace. */
  readonly policyGroups: (namespace: string) => readonly (readonly string[])[];
  /** Subjects of actions under way. */
  readonly busy: ReadonlySet<string>;
}

/** The node is ours to give a trunk: it asks for one, and no other controller manages it. */
export function isManaged({ cniNode, node, settings }: View): boolean {
  if (settings.mode !== "standalone" || cniNode === undefined || node === undefined) return false;
  if (cniNode.isBeingDeleted || (cniNode.ownerUid !== undefined && cniNode.ownerUid !== node.uid))
    return false;
  return isLeftToUs(cniNode);
}

/** Its CNINode asks for a trunk, and names no other controller. */
export function isLeftToUs({ asksForTrunk, managedBy }: CniNodeFacts): boolean {
  return asksForTrunk && (managedBy === undefined || managedBy === "branchline");
}
