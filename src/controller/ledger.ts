import type { ConnectionTracking } from "../ec2/types.ts";
import type { PodName } from "./facts.ts";
import type { GroupChange } from "./pods/group-change.ts";
import type { Retry } from "./moment.ts";

/**
 * What the controller knows about one instance's trunk and branches: its own acts, and what EC2 has described. It is never
 * saved: after a restart it grows again out of descriptions and of the pods' annotations.
 */
export interface Ledger {
  readonly instance: string;
  readonly trunk: Trunk;
  /** How many trunks have been begun: part of the ClientToken. */
  readonly trunkAttempt: number;
  /** Trunks that were made for the instance and are on none: how many descriptions in a row have shown each, by id. */
  readonly strayTrunks: ReadonlyMap<string, number>;
  /** Branches by ENI id. */
  readonly branches: ReadonlyMap<string, Branch>;
  /** What is under way for a pod that has no ENI yet, by the pod's UID. */
  readonly requests: ReadonlyMap<string, Request>;
  /**
   * UIDs of the pods that waited when the caches became complete: a controller before us may have begun with them. Undefined
   * before that.
   */
  readonly inherited: ReadonlySet<string> | undefined;
  /** Changes of the groups of living pods, by ENI id. */
  readonly changes: ReadonlyMap<string, GroupChange>;
  /** VLAN ids that EC2 has refused although nothing is known to hold them, until when they are left alone. */
  readonly blocked: ReadonlyMap<number, number>;
  /** ENIs that we have deleted, and when: descriptions may still show them. */
  readonly deleted: ReadonlyMap<string, number>;
  /** How often all of the account's branches have been described to us. */
  readonly descriptions: number;
  /** When EC2 was last asked about the instance. */
  readonly lookedAt: number | undefined;
  /** When we last set the node's capacity. */
  readonly capacityAt: number | undefined;
  /** Of acts on the node's objects, by the act. */
  readonly retries: ReadonlyMap<string, Retry>;
  readonly warm: WarmLedger;
}

export interface Subnet {
  readonly id: string;
  readonly cidr: string;
  /** The first of its IPv6 ranges. */
  readonly ipv6Cidr: string | undefined;
}

/** What EC2 says of the instance. */
export interface InstanceFacts {
  readonly type: string;
  readonly subnet: Subnet;
  /** Of its primary interface. */
  readonly groups: readonly string[];
  readonly tracking: ConnectionTracking | undefined;
  /** Device indexes in use. */
  readonly deviceIndexes: readonly number[];
}

export type Trunk =
  /** EC2 has not been asked yet. */
  | { readonly state: "unknown" }
  | { readonly state: "absent"; readonly facts: InstanceFacts }
  /** Made by us, and not seen on the instance yet. */
  | {
      readonly state: "created";
      readonly facts: InstanceFacts;
      readonly id: string;
      readonly mac: string;
      readonly subnet: string;
      /** By which it is to be attached, once EC2 has been asked to. */
      readonly deviceIndex: number | undefined;
      readonly since: number;
    }
  | AttachedTrunk
  /** A later step has failed, or a controller before us was cut off: to be removed. */
  | {
      readonly state: "undoing";
      readonly id: string;
      readonly since: number;
      readonly why: string;
      /** What was tried has failed: the next try has to wait. */
      readonly hasFailed: boolean;
    };

export interface AttachedTrunk {
  readonly state: "attached";
  /** Undefined for one that was found attached: EC2 was not asked more. */
  readonly facts: InstanceFacts | undefined;
  readonly id: string;
  readonly mac: string;
  readonly subnet: string;
  readonly deviceIndex: number;
  readonly attachment: string;
  /** EC2 deletes it with the instance. */
  readonly goesWithInstance: boolean;
}

/** What is known of warm branches beside the branches themselves. */
export interface WarmLedger {
  /** Groups of pods that the instance has or had lately, by namespace and groups: the newest last. */
  readonly recent: ReadonlyMap<string, RecentSet>;
  /** Since when there have been fewer warm ones than there should be. */
  readonly lackingSince: number | undefined;
  /** Those that are being made, by VLAN id; they stay while it is not known whether they were made. */
  readonly making: ReadonlyMap<number, WarmMaking>;
  /** How many have been begun: part of the ClientToken. */
  readonly begun: number;
}

export interface RecentSet {
  readonly namespace: string;
  readonly groups: readonly string[];
  /** When a pod had it last. */
  readonly at: number;
}

export interface WarmMaking {
  readonly namespace: string;
  readonly groups: readonly string[];
  readonly attempt: number;
  readonly retry: Retry | undefined;
}

/** Whose pods may have a branch again. */
export interface Home {
  readonly namespace: string;
  /** It may have had several sets of groups while pods had it. */
  readonly isOpen: boolean;
}

/** A branch's ENI as EC2 describes it. */
export interface Eni {
  readonly id: string;
  readonly mac: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly groups: readonly string[];
  readonly subnet: Subnet;
}

export type BranchState =
  /** Made, and not associated as far as we know. */
  | "created"
  /** On its VLAN, and its pod does not know it yet. */
  | "associated"
  /** Its pod has the annotation. */
  | "assigned"
  /** Described by EC2, and nobody of ours knows it: perhaps of a controller before us. */
  | "found"
  /** Its pod is known to be gone; packets may still be under way until `until`. */
  | "cooling"
  /** To be disassociated, if it is associated, and deleted. */
  | "releasing"
  /** Made ahead, and not associated as far as we know. */
  | "warming"
  /** On its VLAN, with its groups, without a pod: the next one of its namespace and groups gets it. */
  | "warm";

export interface Branch {
  readonly state: BranchState;
  readonly eni: Eni;
  /** Undefined for one that is on none. */
  readonly vlan: number | undefined;
  /** Undefined: it has none, or EC2 does not tell. */
  readonly association: string | undefined;
  /** Whose it is or was. */
  readonly pod: PodName | undefined;
  /** Of `cooling`: when it may be released. */
  readonly until: number | undefined;
  /** EC2 has its groups as the ledger says: we have given them, and had the answer. */
  readonly areGroupsSure: boolean;
  /** Undefined: not known, or it has had other groups while a pod had it, so that no other pod may have it. */
  readonly home: Home | undefined;
  /** It has been warm: EC2 may still track connections of a pod that had it before. */
  readonly wasWarm: boolean;
  /** The annotation has been sent, by us or a controller before us: its pod may have it. */
  readonly mayBeAnnotated: boolean;
  /** Of descriptions that have shown it; we have made it ourselves: `own`. */
  readonly seen: number | "own";
  /** Descriptions in a row that should have shown it, and did not. */
  readonly missing: number;
  /** Since when we know of it. */
  readonly knownAt: number;
  /** Since when it is in this state. */
  readonly since: number;
  readonly retry: Retry | undefined;
}

/** A pod's way to its branch, before there is one. */
export interface Request {
  readonly pod: PodName;
  /** What is part of the ClientToken. */
  readonly attempt: number;
  /** Reserved while it is being made; it stays while it is not known whether it was made. */
  readonly making: { readonly vlan: number; readonly groups: readonly string[] } | undefined;
  /** Groups with which EC2 has refused it as invalid, if that was the last to fail: of others that says nothing. */
  readonly refused?: readonly string[] | undefined;
  /** The API server would take its annotation, as of then. */
  readonly provenAt: number | undefined;
  readonly retry: Retry | undefined;
}

export function emptyLedger(instance: string): Ledger {
  return {
    instance,
    trunk: { state: "unknown" },
    trunkAttempt: 0,
    strayTrunks: new Map(),
    branches: new Map(),
    requests: new Map(),
    inherited: undefined,
    changes: new Map(),
    blocked: new Map(),
    deleted: new Map(),
    descriptions: 0,
    lookedAt: undefined,
    capacityAt: undefined,
    retries: new Map(),
    warm: { recent: new Map(), lackingSince: undefined, making: new Map(), begun: 0 },
  };
}

/** A copy of a map with one entry set, or without it. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
}

export function withBranch(ledger: Ledger, branch: Branch): Ledger {
  return { ...ledger, branches: withEntry(ledger.branches, branch.eni.id, branch) };
}

/** Nothing happens if the branch is not there. */
export function changeBranch(ledger: Ledger, id: string, change: (branch: Branch) => Branch): Ledger {
  const branch = ledger.branches.get(id);
  return branch === undefined ? ledger : withBranch(ledger, change(branch));
}

export function withRequest(ledger: Ledger, uid: string, request: Request | undefined): Ledger {
  return { ...ledger, requests: withEntry(ledger.requests, uid, request) };
}

export function withRetry(ledger: Ledger, act: string, retry: Retry | undefined): Ledger {
  return { ...ledger, retries: withEntry(ledger.retries, act, retry) };
}

/** VLAN ids that something holds or may hold. */
export function takenVlans(ledger: Ledger): ReadonlySet<number> {
  const taken = new Set<number>(ledger.blocked.keys());
  for (const { vlan } of ledger.branches.values()) if (vlan !== undefined) taken.add(vlan);
  for (const { making } of ledger.requests.values()) if (making !== undefined) taken.add(making.vlan);
  for (const vlan of ledger.warm.making.keys()) taken.add(vlan);
  return taken;
}

/** Another branch than this that is on the VLAN id as far as EC2 tells, or that we mean to put there. */
export function otherOnVlan({ branches }: Ledger, vlan: number, id: string): Branch | undefined {
  return [...branches.values()].find(
    (branch) => branch.vlan === vlan && branch.eni.id !== id && !isUnplaced(branch),
  );
}

/** Nobody has begun to put it on its VLAN id, and EC2 shows it on none: only its tags name the id. */
export function isUnplaced({ state, association }: Branch): boolean {
  return state === "found" && association === undefined;
}

/** Whether both are, or were, the same pod's, or nobody's. */
export function isSamePod(a: Pick<Branch, "pod">, b: Pick<Branch, "pod">): boolean {
  return a.pod?.uid === b.pod?.uid;
}

export function branchOfPod({ branches }: Ledger, uid: string): Branch | undefined {
  for (const branch of branches.values()) {
    const isLive = branch.state === "created" || branch.state === "associated" || branch.state === "assigned";
    if (isLive && branch.pod?.uid === uid) return branch;
  }
  return undefined;
}
