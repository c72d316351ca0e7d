import type { Gap } from "../facts/fact.ts";
import type { Scope } from "./facts.ts";

/** What `branchline status` says, before it is text or JSON. */

export interface Status {
  readonly scope: Scope;
  /** Milliseconds since 1970, by the API server's clock. */
  readonly now: number;
  /** The worst first. */
  readonly problems: readonly Problem[];
  /** What could not be looked at. */
  readonly gaps: readonly Gap[];
  /** Sorted by name. Empty, too, when they could not be read. */
  readonly nodes: readonly NodeStatus[];
  /** Pods that have a branch, or should have one. Sorted by namespace and name. */
  readonly pods: readonly PodStatus[];
  /** Sorted by namespace and name; undefined when it is one node's status. */
  readonly policies: readonly PolicyStatus[] | undefined;
}

export interface Problem {
  /** A `warning` may be meant, or passes. */
  readonly severity: "problem" | "warning";
  readonly kind: ProblemKind;
  readonly object: ObjectName;
  /** One line, without the object's name. */
  readonly message: string;
}

/** They never change their meaning. */
export type ProblemKind =
  | "PodWithoutBranch"
  | "PodOtherGroups"
  | "BranchMissing"
  | "PodWaiting"
  | "NodeWithoutTrunk"
  | "AgentNotReady"
  | "PolicyWithoutEffect"
  | "GroupMissing"
  | "GroupOfOtherVpc"
  | "TooManyGroups"
  | "NodeFull"
  | "PolicyCoversNothing";

export interface ObjectName {
  readonly kind: "Node" | "Pod" | "SecurityGroupPolicy";
  /** Empty for a Node. */
  readonly namespace: string;
  readonly name: string;
}

export interface NodeStatus {
  readonly name: string;
  readonly instance: string | undefined;
  readonly instanceType: string | undefined;
  readonly isReady: boolean;
  /** Undefined: there is none, or nobody says. */
  readonly trunk: string | undefined;
  readonly slots: Slots;
  readonly agent: AgentState;
}

/** Branches of a trunk. Undefined is what is not known. */
export interface Slots {
  /** Branches that the instance type can have; 0: it has no trunk. */
  readonly total: number | undefined;
  /** By pods that live. */
  readonly used: number | undefined;
  /** By no pod that lives: its pod has ended, or does not have its annotation yet. */
  readonly cooling: number | undefined;
  /** By no pod, and kept for the next one of their namespace: they are free too. */
  readonly warm: number | undefined;
  readonly free: number | undefined;
}

/** `absent`: there are no agents in the cluster at all. `unknown`: pods could not be read. */
export type AgentState = "ready" | "not-ready" | "missing" | "absent" | "unknown";

/**
 * - `attached`: the pod's network is its branch's.
 * - `starting`: it has a branch, and its network is not ready.
 * - `waiting`: it has no branch yet, and does not run.
 * - `uncovered`: it runs without the branch that it should have.
 * - `ending`: it is being deleted.
 */
export type PodState = "attached" | "starting" | "waiting" | "uncovered" | "ending";

export interface PodStatus {
  readonly namespace: string;
  readonly name: string;
  /** Empty until it is scheduled. */
  readonly node: string;
  readonly state: PodState;
  /** Why it is `starting`, `waiting` or `uncovered`, in one line; undefined when nobody says. */
  readonly why: string | undefined;
  readonly branch: { readonly eni: string; readonly vlan: number } | undefined;
  /** Those that it has by its branch; undefined: it has none, or runs without it, or they are not known. */
  readonly groups: readonly string[] | undefined;
  /** Who says so: EC2 itself, or the CNINode's status. */
  readonly groupsFrom: "ec2" | "cninode" | undefined;
  /** By the policies that select it, each once, sorted; undefined: not known. */
  readonly wantedGroups: readonly string[] | undefined;
  /** Names of the policies that select it, in its namespace. */
  readonly policies: readonly string[];
  /**
   * As what is configured now gives it, which need not be what it was when the pod started. `auto`: the agent has chosen, and
   * what it chooses by could not be read. Undefined: nobody says.
   */
  readonly datapath: "direct" | "routed" | "auto" | undefined;
  /** Of the datapath `routed`. */
  readonly mode: "standard" | "strict" | undefined;
  /** Seconds from its creation until its network was ready, or until now. */
  readonly waitedS: number | undefined;
}

export interface PolicyStatus {
  readonly namespace: string;
  readonly name: string;
  /** As written. */
  readonly groups: readonly string[];
  /** Undefined: pods could not be read. */
  readonly counts: PolicyCounts | undefined;
}

/** Pods that live and are not on the node's network. */
export interface PolicyCounts {
  readonly matched: number;
  /** Whose branch has its groups; undefined: what groups branches have is not known of all of them. */
  readonly applied: number | undefined;
  /** That wait for a branch, or have one without its groups; undefined likewise. */
  readonly pending: number | undefined;
  /** That run without a branch. */
  readonly uncovered: number;
}
