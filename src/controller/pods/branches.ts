import type { Action, Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import type { PodFacts } from "../facts.ts";
import {
  type AttachedTrunk,
  type Branch,
  branchOfPod,
  type Ledger,
  otherOnVlan,
  type Request,
} from "../ledger.ts";
import type { Retry } from "../moment.ts";
import { isManaged, type View } from "../view.ts";
import { annotate } from "./actions/annotate.ts";
import { associate } from "./actions/associate.ts";
import { lookAtPod } from "./actions/look-at-pod.ts";
import { createBranch } from "./actions/create-branch.ts";
import { giveUpBranch } from "./actions/give-up-branch.ts";
import { prove } from "./actions/prove.ts";
import { setGroups } from "./actions/set-groups.ts";
import { freeVlans, nextFree } from "./slots.ts";
import { giveBack } from "../warm/actions/give-back.ts";
import { isSameSet } from "../warm/group-sets.ts";
import { Matches } from "../warm/matches.ts";

/** For so long the proof counts that an annotation may be written. */
const PROOF_MS = 60_000;
/** After so long it is looked again whether policies are followed. */
const FOLLOWED_MS = 500;

const NOT_FOLLOWED =
  "the API server has not said yet what has become of the policies meanwhile: the pod's groups may be others by now";

/** A branch for each pod that waits for one: prove → create → associate → annotate, each when the one before is done. */
export function decideBranches(view: View, now: number): Decision {
  const draft = new Draft();
  if (view.settings.mode !== "standalone") return draft;
  const { ledger } = view;
  const waiting = view.pods.filter((pod) => isWaiting(pod) && !isOver(pod, ledger));
  if (waiting.length === 0 || view.node === undefined) return draft;
  const trunk = readyTrunk(view);
  const limit = limitOf(view);
  const free = trunk === undefined ? [] : [...freeVlans(ledger, limit)];
  const warm = new Matches(view, view.areGroupsCurrent ? waiting.filter(isServed(view)) : [], trunk);
  for (const pod of waiting) {
    if (view.busy.has(subjectOf(pod))) continue;
    const why = groupsDefect(pod);
    if (why !== undefined) {
      draft.notes.push({ about: pod, type: "Warning", reason: "BranchRefused", message: why });
      continue;
    }
    if (!view.areGroupsCurrent) {
      draft.wake(now + FOLLOWED_MS);
      draft.notes.push({ about: pod, type: "Normal", reason: "BranchWaiting", message: NOT_FOLLOWED });
      continue;
    }
    if (trunk === undefined) {
      draft.notes.push({ about: pod, type: "Normal", reason: "BranchWaiting", message: noTrunk(view) });
      continue;
    }
    const branch = branchOfPod(ledger, pod.uid);
    if (branch === undefined) begin(view, draft, { pod, trunk, free, warm, limit, now });
    else if (branch.state !== "assigned") goOn(view, draft, { pod, branch, trunk, now });
  }
  return draft;
}

export function subjectOf({ uid }: { readonly uid: string }): string {
  return `pod ${uid}`;
}

export function isWaiting(pod: PodFacts): boolean {
  return pod.wantsBranch && !pod.isFinished && !pod.isBeingDeleted && pod.claim === undefined;
}

/** The cache is behind: its branch cools, or has cooled, so the API server has said more. */
function isOver({ uid }: PodFacts, { branches }: Ledger): boolean {
  return [...branches.values()].some(
    ({ state, pod }) => (state === "cooling" || state === "warm") && pod?.uid === uid,
  );
}

/** Its groups are known, and nothing is done about it. */
function isServed({ busy }: View): (pod: PodFacts) => boolean {
  return (pod) => !busy.has(subjectOf(pod)) && groupsDefect(pod) === undefined;
}

/** The trunk, once it can carry branches for good. */
export function readyTrunk(view: View): AttachedTrunk | undefined {
  const { trunk } = view.ledger;
  return trunk.state === "attached" && trunk.goesWithInstance && isManaged(view) ? trunk : undefined;
}

/** Of the trunk's branches; 0 for a type of which nothing is known. */
export function limitOf({ node, ledger, settings }: View): number {
  const asked = "facts" in ledger.trunk ? ledger.trunk.facts?.type : undefined;
  const type = asked ?? node?.instanceType;
  return type === undefined ? 0 : (settings.limitsOf(type)?.branches ?? 0);
}

/** Why the pod's groups are not known, or are none: it never gets the node's instead. */
function groupsDefect({ groups }: PodFacts): string | undefined {
  const [doubt] = groups.undecided;
  if (doubt !== undefined) {
    return `SecurityGroupPolicy ${doubt.policy} cannot be read, and may select the pod: ${doubt.why}`;
  }
  if (groups.groups.length > 0) return undefined;
  return "no SecurityGroupPolicy of its namespace selects the pod, although it asks for a branch: create one, or take the limit vpc.amazonaws.com/pod-eni out of the pod";
}

function noTrunk(view: View): string {
  const name = view.node?.name ?? "";
  if (!isManaged(view))
    return `node ${name} does not ask for branches yet: its agent has not declared the feature SecurityGroupsForPods`;
  return `node ${name} has no trunk yet`;
}

interface Beginning {
  readonly pod: PodFacts;
  readonly trunk: AttachedTrunk;
  /** Those given to a pod of this decision are taken out. */
  readonly free: number[];
  readonly warm: Matches;
  readonly limit: number;
  readonly now: number;
}

function begin(view: View, draft: Draft, { pod, trunk, free, warm, limit, now }: Beginning): void {
  const { ledger } = view;
  const claim = warm.of(pod);
  if (claim !== undefined) {
    draft.actions.push(claim);
    return;
  }
  const request = ledger.requests.get(pod.uid);
  if (!draft.isDue(retryOf(request, pod), now)) {
    draft.notes.push(failing(pod, request?.retry?.why ?? ""));
    return;
  }
  const isProven = request?.provenAt !== undefined && now - request.provenAt < PROOF_MS;
  // Once a creation may have happened it is finished, whatever has changed: the ENI must be known.
  const making = request?.making;
  const vlan = making?.vlan ?? free[0];
  if (vlan === undefined) {
    const at = nextFree(ledger, now);
    if (at !== undefined) draft.wake(at);
    const givenUp = warm.giveUp();
    if (givenUp !== undefined) draft.actions.push(givenUp);
    draft.notes.push({
      about: pod,
      type: "Normal",
      reason: "BranchWaiting",
      message: noSlot(view, limit, now),
    });
    return;
  }
  if (making === undefined) free.shift();
  if (!isProven) draft.actions.push(prove(pod));
  else
    draft.actions.push(createBranch(view, { pod, trunk, vlan, groups: making?.groups ?? pod.groups.groups }));
}

/** Whoever has corrected a policy does not wait for what it said before. */
function retryOf(request: Request | undefined, { groups }: PodFacts): Retry | undefined {
  const isCorrected = request?.refused !== undefined && !isSameSet(request.refused, groups.groups);
  return isCorrected ? undefined : request?.retry;
}

function noSlot({ ledger, node }: View, limit: number, now: number): string {
  const states = [...ledger.branches.values()].filter(({ vlan }) => vlan !== undefined);
  const cooling = states.filter(({ state }) => state === "cooling" || state === "releasing").length;
  const at = nextFree(ledger, now);
  const until = at === undefined ? "" : `, the next is free in ${Math.ceil((at - now) / 1000)} s`;
  return `all ${limit} branches of node ${node?.name ?? ""} are taken, ${cooling} of them by pods that have ended${until}`;
}

interface GoingOn {
  readonly pod: PodFacts;
  readonly branch: Branch;
  readonly trunk: AttachedTrunk;
  readonly now: number;
}

function goOn(view: View, draft: Draft, { pod, branch, trunk, now }: GoingOn): void {
  if (!draft.isDue(branch.retry, now)) {
    draft.notes.push(failing(pod, branch.retry?.why ?? ""));
    return;
  }
  if (branch.mayBeAnnotated && branch.state === "associated")
    draft.actions.push(lookAtPod(view, pod, branch));
  else if (isOfOthers(branch, pod)) draft.actions.push(giveBack(view, pod, branch, now));
  else if (branch.state === "created") draft.actions.push(placed(view, pod, branch, trunk.id));
  else if (!branch.areGroupsSure || !isSameSet(branch.eni.groups, pod.groups.groups))
    draft.actions.push(setGroups(pod, branch));
  else draft.actions.push(annotate(pod, branch));
}

/** Its groups may not be changed: a pod before may have connections that EC2 still tracks. */
function isOfOthers({ state, wasWarm, home, eni }: Branch, { groups }: PodFacts): boolean {
  return state === "associated" && wasWarm && home?.isOpen !== true && !isSameSet(eni.groups, groups.groups);
}

function placed(view: View, pod: PodFacts, branch: Branch, trunk: string): Action {
  const other = otherOnVlan(view.ledger, branch.vlan ?? 0, branch.eni.id);
  return other === undefined ? associate(view, pod, branch, trunk) : giveUpBranch(pod, branch, other);
}

function failing(pod: PodFacts, why: string): Decision["notes"][number] {
  return { about: pod, type: "Warning", reason: "BranchFailed", message: why };
}
