import type { PodName } from "./facts.ts";
import { type Branch, type Eni, type Home, type Ledger, type Trunk, withEntry } from "./ledger.ts";
import { withGroupsOfLiving } from "./pods/group-change.ts";
import { withDescribedGroups } from "./warm/described-groups.ts";

/** What EC2 describes of an instance: all its branches and its trunk, by their tags. */
export interface Description {
  /** When it was asked for: it shows nothing that came later. */
  readonly askedAt: number;
  readonly branches: readonly DescribedBranch[];
  readonly trunks: readonly DescribedTrunk[];
}

export interface DescribedBranch {
  readonly eni: Eni;
  readonly vlan: number | undefined;
  /** Undefined also when EC2 does not tell of associations. */
  readonly association: string | undefined;
  readonly pod: PodName | undefined;
  /** As its tags say, if it has the groups that it was made with. */
  readonly home: Home | undefined;
}

export interface DescribedTrunk {
  readonly id: string;
  readonly mac: string;
  readonly subnet: string;
  /** Undefined: on no instance. */
  readonly attachment:
    | {
        readonly id: string;
        readonly isAttached: boolean;
        readonly deviceIndex: number;
        readonly goesWithInstance: boolean;
      }
    | undefined;
}

/** What is younger may be missing from a description (EC2's developer guide, "Eventual consistency"). */
const YOUNG_MS = 300_000;
/** What we have deleted may be shown for as long. */
const DELETED_MS = 600_000;
/** Descriptions in a row that did not show it. */
const MISSING = 2;

/** The ledger with what EC2 has described. What we have done ourselves since is known better. */
export function withDescription(ledger: Ledger, description: Description, now: number): Ledger {
  const branches = new Map<string, Branch>();
  const described = new Map(description.branches.map((one) => [one.eni.id, one]));
  for (const [id, branch] of ledger.branches) {
    const one = described.get(id);
    const kept = merged(branch, one, description.askedAt);
    if (kept === undefined) continue;
    const { changes } = ledger;
    branches.set(id, withGroupsOfLiving(kept, one?.eni.groups, changes.get(id), description.askedAt));
  }
  for (const [id, one] of described) {
    if (!branches.has(id) && !ledger.deleted.has(id) && !isBeingMade(ledger, one))
      branches.set(id, found(one, now));
  }
  return {
    ...ledger,
    branches,
    trunk: trunkOf(ledger.trunk, description.trunks, now),
    strayTrunks: straysOf(ledger, description.trunks),
    blocked: withoutKnown(ledger.blocked, branches),
    deleted: new Map([...ledger.deleted].filter(([, at]) => now - at < DELETED_MS)),
    descriptions: ledger.descriptions + 1,
  };
}

/** Its creation is under way: the answer tells more. One that is on the trunk a controller before us has made. */
function isBeingMade({ requests, warm }: Ledger, { pod, vlan, association }: DescribedBranch): boolean {
  if (association !== undefined) return false;
  if (pod === undefined) return vlan !== undefined && warm.making.has(vlan);
  const making = requests.get(pod.uid)?.making;
  return making !== undefined && making.vlan === vlan;
}

function found({ eni, vlan, association, pod, home }: DescribedBranch, now: number): Branch {
  return {
    state: "found",
    eni,
    vlan,
    association,
    pod,
    until: undefined,
    areGroupsSure: false,
    home,
    wasWarm: false,
    // Perhaps a moment ago, by a controller that has ended since.
    mayBeAnnotated: true,
    seen: 1,
    missing: 0,
    knownAt: now,
    since: now,
    retry: undefined,
  };
}

function merged(branch: Branch, one: DescribedBranch | undefined, askedAt: number): Branch | undefined {
  if (one === undefined) {
    if (askedAt - branch.since < YOUNG_MS) return branch;
    const missing = branch.missing + 1;
    // Whoever has deleted it: there is nothing left to release.
    const isOver = ["found", "cooling", "releasing", "warm"].includes(branch.state);
    return isOver && missing >= MISSING ? undefined : { ...branch, missing };
  }
  const seen = branch.seen === "own" ? "own" : branch.seen + 1;
  // After our own disassociation a description may still show what was before.
  const isOurs = branch.state === "releasing" || branch.state === "created" || branch.state === "warming";
  return {
    ...withDescribedGroups(branch, one, askedAt),
    seen,
    missing: 0,
    pod: branch.pod ?? one.pod,
    association: isOurs ? branch.association : (branch.association ?? one.association),
    vlan: isOurs || one.association === undefined ? branch.vlan : one.vlan,
  };
}

function trunkOf(known: Trunk, trunks: readonly DescribedTrunk[], now: number): Trunk {
  if (known.state !== "unknown") return known;
  for (const { id, mac, subnet, attachment } of trunks) {
    if (attachment?.isAttached !== true) continue;
    const { deviceIndex, goesWithInstance } = attachment;
    return {
      state: "attached",
      facts: undefined,
      id,
      mac,
      subnet,
      deviceIndex,
      attachment: attachment.id,
      goesWithInstance,
    };
  }
  // One that was never attached is not taken: it is made anew (amazon-vpc-resource-controller-k8s, issue 209).
  const [left] = trunks;
  if (left === undefined) return known;
  const why = "it was left unattached by a controller before";
  return { state: "undoing", id: left.id, since: now, why, hasFailed: false };
}

/** Of a creation whose answer was lost, after which another was made; or of an instance that went before they were to go with it. */
function straysOf(
  { strayTrunks, deleted }: Ledger,
  trunks: readonly DescribedTrunk[],
): ReadonlyMap<string, number> {
  return new Map(
    trunks
      .filter(({ id, attachment }) => attachment === undefined && !deleted.has(id))
      .map(({ id }) => [id, (strayTrunks.get(id) ?? 0) + 1]),
  );
}

function withoutKnown(
  blocked: ReadonlyMap<number, number>,
  branches: ReadonlyMap<string, Branch>,
): ReadonlyMap<number, number> {
  let rest = blocked;
  for (const { vlan } of branches.values()) {
    if (vlan !== undefined && rest.has(vlan)) rest = withEntry(rest, vlan, undefined);
  }
  return rest;
}
