import type { Decision, Note } from "../action.ts";
import type { PodFacts } from "../facts.ts";
import { Draft } from "../draft.ts";
import type { AttachedTrunk, Branch, Eni, Home, RecentSet } from "../ledger.ts";
import type { Retry } from "../moment.ts";
import { branchSubnet, isInPlace } from "../pods/branch-subnet.ts";
import { isWaiting, limitOf, readyTrunk } from "../pods/branches.ts";
import { deleteBranch } from "../pods/actions/delete-branch.ts";
import { disassociate } from "../pods/actions/disassociate.ts";
import { freeVlans } from "../pods/slots.ts";
import { isLeftToUs, type View } from "../view.ts";
import { associateWarm } from "./actions/associate-warm.ts";
import { createWarm, WARMING } from "./actions/create-warm.ts";
import { canGive, keyOfSet } from "./group-sets.ts";
import { isWanted, isWarm, warmCount } from "./pool.ts";
import { countSets, mostLacking, sharesOf } from "./shares.ts";

/** What lacks is made so long after a cooldown: a burst of pods is over then, and a rolling update has given some back. */
const REFILL_MS = 30_000;
/** A policy of a namespace without a pod on the node wakes nobody; whether its groups are still given is looked at so often. */
const WANTED_MS = 60_000;
/** How much room there is, is asked again after so long. */
const ROOM_MS = 60_000;
const UNKNOWN_ROOM_MS = 5_000;

/** Warm branches: those that are begun are finished, those that nobody wants are released, those that lack are made. */
export function decideWarm(view: View, now: number): Decision {
  const draft = new Draft();
  if (view.settings.mode !== "standalone" || !view.isComplete) return draft;
  const trunk = view.node === undefined ? undefined : readyTrunk(view);
  const released = release(view, draft, trunk, now);
  if (trunk === undefined) return draft;
  finish(view, draft, trunk, now);
  // What is being released makes room for others once it is gone.
  if (released === 0) create(view, draft, trunk, now);
  return draft;
}

function finish(view: View, draft: Draft, trunk: AttachedTrunk, now: number): void {
  for (const [vlan, making] of view.ledger.warm.making) {
    if (view.busy.has(`warm ${vlan}`)) continue;
    if (isDue(draft, making.retry, now)) draft.actions.push(createWarm(view, trunk, vlan, making));
  }
  for (const branch of view.ledger.branches.values()) {
    if (branch.state !== "warming" || !isDue(draft, branch.retry, now)) continue;
    draft.actions.push(associateWarm(view, branch, trunk));
  }
}

/** The same as the draft's; what has failed is said. */
function isDue(draft: Draft, retry: Retry | undefined, now: number): boolean {
  if (retry !== undefined)
    draft.notes.push({ about: "node", type: "Warning", reason: "WarmFailed", message: retry.why });
  return draft.isDue(retry, now);
}

/** Gives how many. */
function release(view: View, draft: Draft, trunk: AttachedTrunk | undefined, now: number): number {
  const warm = [...view.ledger.branches.values()].filter(isWarm);
  if (warm.length > 0) draft.wake(now + WANTED_MS);
  const unfit = warm.filter((branch) => isUnfit(view, trunk, branch));
  const rest = warm.filter((branch) => !unfit.includes(branch));
  const over = rest.slice(0, Math.max(0, rest.length - view.settings.warm.target));
  const all = [...unfit, ...over];
  for (const [subnet, branches] of Map.groupBy(rest, ({ eni }) => eni.subnet.id)) {
    const room = view.settings.warm.room(subnet) ?? 0;
    const going = all.filter(({ eni }) => eni.subnet.id === subnet).length;
    const surplus = Math.max(0, -room - going);
    all.push(...branches.filter((branch) => !all.includes(branch)).slice(0, surplus));
  }
  all.push(
    ...outdated(
      view,
      rest.filter((branch) => !all.includes(branch)),
    ),
  );
  for (const branch of all) {
    if (!draft.isDue(branch.retry, now)) continue;
    const { association } = branch;
    draft.actions.push(association === undefined ? deleteBranch(branch) : disassociate(branch, association));
  }
  return all.length;
}

/** One of groups that no pod has had lately, when all places are taken and others lack. */
function outdated({ ledger, settings }: View, warm: readonly Branch[]): readonly Branch[] {
  if (warm.length === 0 || warm.length < settings.warm.target) return [];
  const { recent } = ledger.warm;
  const sets = warm.flatMap(({ home, eni }) => (home === undefined ? [] : [setOf(home, eni)]));
  if (mostLacking(recent, sharesOf(recent, settings.warm.target), countSets(sets)) === undefined) return [];
  return warm
    .filter(({ home, eni }) => home === undefined || !recent.has(keyOfSet(home.namespace, eni.groups)))
    .slice(0, 1);
}

function setOf({ namespace }: Home, { groups }: Eni) {
  return { namespace, groups };
}

function isUnfit(view: View, trunk: AttachedTrunk | undefined, branch: Branch): boolean {
  const { home, areGroupsSure } = branch;
  if (view.node === undefined || home === undefined || isAnothers(view)) return true;
  if (trunk !== undefined && !isInPlace(branch, view, trunk)) return true;
  // One that is for all groups is given those of its pod.
  if (!areGroupsSure && !home.isOpen) return true;
  return view.areGroupsCurrent && !isWanted(branch, view);
}

/** Nobody is given any there: another controller manages the node, or it asks for branches no more. */
function isAnothers({ cniNode }: View): boolean {
  return cniNode !== undefined && !isLeftToUs(cniNode);
}

function create(view: View, draft: Draft, trunk: AttachedTrunk, now: number): void {
  const { ledger, settings, areGroupsCurrent } = view;
  const { lackingSince } = ledger.warm;
  const { target, room } = settings.warm;
  if (target === 0 || lackingSince === undefined || !areGroupsCurrent) return;
  // What has to cool or to be looked at may become warm by itself.
  const undecided = [...ledger.branches.values()].filter(
    ({ state, vlan }) => isUndecided(state) && vlan !== undefined,
  );
  const free = freeVlans(ledger, limitOf(view));
  const lack = Math.min(target - warmCount(ledger) - undecided.length, free.length);
  if (lack <= 0) return;
  const due = lackingSince + settings.cooldownMs + REFILL_MS;
  if (now < due) return draft.wake(due);
  const isNext = isDue(draft, ledger.retries.get(WARMING), now);
  if (view.pods.some(isServable) || !isNext) return;
  const subnet = branchSubnet(view, trunk);
  const most = room(subnet);
  if (most === undefined || most < lack) draft.wake(now + (most === undefined ? UNKNOWN_ROOM_MS : ROOM_MS));
  if (most !== undefined && most <= 0) draft.notes.push(limited(subnet, lack));
  const sets = setsToMake(view, Math.min(lack, Math.max(0, (most ?? 0) - undecided.length)));
  for (const [i, { namespace, groups }] of sets.entries()) {
    const making = { namespace, groups, attempt: ledger.warm.begun + i, retry: undefined };
    draft.actions.push(createWarm(view, trunk, free[i] ?? 0, making));
  }
}

function limited(subnet: string, lack: number): Note {
  const message = `${lack} warm branches lack: the share of the account's interfaces, or of the free addresses of ${subnet}, is used up (--warm-share, --eni-quota), or EC2 has refused an interface for the account's quota`;
  return { about: "node", type: "Normal", reason: "WarmLimited", message };
}

/** It may get a branch at any moment, and its slot. */
function isServable(pod: PodFacts): boolean {
  return isWaiting(pod) && pod.groups.groups.length > 0;
}

function isUndecided(state: Branch["state"]): boolean {
  return state === "cooling" || state === "found" || state === "releasing";
}

function setsToMake({ ledger, settings, policyGroups }: View, count: number): readonly RecentSet[] {
  const { making, recent } = ledger.warm;
  const wanted = new Map([...recent].filter(([, one]) => canGive(policyGroups(one.namespace), one.groups)));
  const shares = sharesOf(wanted, settings.warm.target);
  const warm = [...ledger.branches.values()].flatMap(({ state, home, eni }) =>
    (state === "warm" || state === "warming") && home !== undefined ? [setOf(home, eni)] : [],
  );
  const have = countSets([...warm, ...making.values()]);
  const sets: RecentSet[] = [];
  while (sets.length < count) {
    const set = mostLacking(wanted, shares, have);
    if (set === undefined) break;
    sets.push(set);
    const key = keyOfSet(set.namespace, set.groups);
    have.set(key, (have.get(key) ?? 0) + 1);
  }
  return sets;
}
