import type { Problem } from "./situation.ts";
import type { Asked } from "./party.ts";
import type { Selection } from "./policies.ts";

/**
 * The shape of `branchline explain -o json`, which docs/schemas/explain.json has as a schema. Fields are added, never
 * changed. What is not known is not there; lists are there and empty. Times are RFC 3339.
 */
export interface Report {
  readonly version: 1;
  /** The version that looked. */
  readonly branchline: string;
  readonly at: string;
  readonly pod: ReportedPod;
  readonly policies: readonly ReportedPolicy[];
  /** Policies of other namespaces, which have nothing to do with the pod. */
  readonly otherPolicies: number;
  readonly groups: ReportedGroups;
  /** Absent without a branch. */
  readonly branch?: ReportedBranch;
  readonly events: readonly ReportedEvent[];
  readonly problems: readonly Problem[];
  readonly paths: readonly ReportedPath[];
  readonly notes: readonly string[];
  readonly notLookedAt: readonly ReportedGap[];
  readonly answer: Answer;
  /** The answer with its reason, as the text's last line. */
  readonly line: string;
  readonly exit: 0 | 1 | 3;
}

export type Answer = "fine" | "problem" | "reaches" | "does not reach" | "cannot say";

/**
 * - `branch`: it has one.
 * - `waiting`: it asks for one and has none yet.
 * - `node-interfaces`: it has an address of its node's interfaces, and their groups.
 * - `node-network`: hostNetwork.
 * - `fargate`: it runs on Fargate, under groups of its own or the cluster's.
 * - `ended`: it has ended.
 * - `none`: nothing yet.
 */
export type NetworkKind =
  "branch" | "waiting" | "node-interfaces" | "node-network" | "fargate" | "ended" | "none";

export interface ReportedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly createdAt: string;
  readonly node?: string;
  /** Such as `ReplicaSet/web-5d4f`. */
  readonly owner?: string;
  readonly serviceAccount: string;
  readonly addresses: readonly string[];
  readonly network: NetworkKind;
}

export interface ReportedPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly selection: Selection;
  /** Absent for one that selects the pod and has not changed since. */
  readonly why?: string;
  readonly groups: readonly string[];
  readonly createdAt: string;
  readonly changedAt: string;
}

export interface ReportedGroup {
  readonly id: string;
  /** Absent when EC2 was not asked, or has no such group. */
  readonly name?: string;
  /** Absent when EC2 was not asked. */
  readonly exists?: boolean;
}

export interface ReportedGroups {
  /** By the policies; absent when they could not be read. */
  readonly wanted?: readonly ReportedGroup[];
  /** Of its interface in EC2; absent when that was not seen. */
  readonly has?: readonly ReportedGroup[];
  /** The interface that has them. */
  readonly interface?: string;
  /** Since when, at the latest; absent when nobody says, or they were changed since. */
  readonly since?: string;
}

export interface ReportedBranch {
  readonly eni: string;
  readonly mac: string;
  readonly vlan: number;
  readonly addresses: readonly string[];
  readonly trunk?: string;
  readonly subnet?: string;
  /** Such as `routed strict`: one, or all that it may be. */
  readonly datapaths: readonly string[];
  /** What says so. */
  readonly because: string;
  /** When it was written into the pod's annotations. */
  readonly since?: string;
}

export interface ReportedEvent {
  /** `pod` or `node`. */
  readonly about: "pod" | "node";
  readonly at: string;
  readonly type: string;
  readonly reason: string;
  readonly component: string;
  readonly message: string;
}

export interface ReportedPath {
  readonly asked: Asked;
  readonly title: string;
  readonly protocol: "tcp" | "udp";
  /** The destination's own, also when it is called by a Service. */
  readonly port: number;
  /** Absent when nothing of EC2 was asked. */
  readonly from?: ReportedEnd;
  readonly to?: ReportedEnd;
  readonly answer: "reaches" | "does not reach" | "cannot say";
  readonly line: string;
  /** How packets go, such as that they do not leave the node. */
  readonly way: readonly string[];
  readonly hops: readonly ReportedHop[];
  /** Commands of the AWS CLI that, all together, would let it pass as far as groups go. */
  readonly commands: readonly string[];
  /** What would let it pass without a rule, to be tried before the commands. */
  readonly alternatives: readonly ReportedAlternative[];
  readonly notes: readonly string[];
}

/** It was judged with these groups, and reaches then. */
export interface ReportedAlternative {
  /** `label`: a policy that there is would select the pod. `policy`: one that is to be made. */
  readonly kind: "label" | "policy";
  readonly line: string;
  /** NAMESPACE/NAME. */
  readonly policy: string;
  /** Those that the pod lacks, or those of the new policy's selector. */
  readonly labels: Readonly<Record<string, string>>;
  /** All that the pod has then. */
  readonly groups: readonly ReportedGroup[];
  /** Of kubectl, in their order; some have several lines. */
  readonly commands: readonly string[];
}

export interface ReportedEnd {
  readonly name: string;
  /** As the other end sees it. */
  readonly address: string;
  readonly interface?: string;
  readonly groups: readonly ReportedGroup[];
}

export interface ReportedHop {
  readonly kind: "group" | "tracked" | "route" | "acl" | "network-policy" | "early-demux" | "unknown";
  readonly result: "passes" | "refused" | "unknown";
  /** `out` of the interface or pod that decides, or `in`. */
  readonly direction: "out" | "in";
  /** About the answers. */
  readonly answers: boolean;
  /** The interface or the pod at which it is decided. */
  readonly at?: string;
  /** What decided: sgr-…, rtb-…, acl-… or NAMESPACE/NAME of a NetworkPolicy. Absent when nothing has matched. */
  readonly rule?: string;
  readonly text: string;
}

export interface ReportedGap {
  readonly what: string;
  readonly reason: "denied" | "absent" | "failed" | "skipped";
  readonly message: string;
  /** A verb of RBAC, or an action of IAM. */
  readonly permission?: string;
}
