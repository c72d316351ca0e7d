import { expect, it } from "vitest";
import {
  branchOf,
  cniNodeFacts,
  kindsOf,
  ledgerOf,
  podFacts,
  SETTINGS,
  viewOf,
} from "../../../test/unit/view.ts";
import type { Branch, Ledger } from "../ledger.ts";
import { decideBranches } from "../pods/branches.ts";
import { ended } from "../pods/ended.ts";
import { decideLiveGroups } from "../pods/live-groups.ts";
import { decideReleases } from "../pods/releases.ts";
import type { WarmSettings } from "../view.ts";
import { WARMING } from "./actions/create-warm.ts";
import { keyOfSet } from "./group-sets.ts";
import { decideWarm } from "./warm.ts";

const home = { namespace: "shop", isOpen: false };
const warm = (fields: Partial<Branch> & { readonly id?: string } = {}) =>
  branchOf({ id: "eni-w", vlan: 7, state: "warm", pod: undefined, home, wasWarm: true, ...fields });
const settings = (fields: Partial<WarmSettings> = {}) => ({
  ...SETTINGS,
  warm: { ...SETTINGS.warm, target: 2, ...fields },
});
const recentOf = (...groups: string[]) =>
  new Map(groups.map((group) => [keyOfSet("shop", [group]), { namespace: "shop", groups: [group], at: 0 }]));
const lacking = (branches: readonly Branch[] = [], ...groups: string[]): Ledger => {
  const ledger = ledgerOf({ branches });
  return { ...ledger, warm: { ...ledger.warm, recent: recentOf(...groups), lackingSince: 0 } };
};
const elsewhere = { name: "zone-a", subnet: "subnet-2", groups: [] };
const policyGroups = () => [["sg-a"], ["sg-b"]];
const decide = (ledger: Ledger, fields = {}, now = 90_000) =>
  decideWarm(viewOf({ settings: settings(), policyGroups, ledger, ...fields }), now);
const fieldsOf = (decision: ReturnType<typeof decide>) => decision.actions.map(({ fields }) => fields);

it("what lacks is made half a minute after a cooldown, for the groups of recent pods", () => {
  const early = decide(lacking([], "sg-a"), {}, 89_999);
  expect([kindsOf(early), early.wakeAt]).toEqual([[], 90_000]);
  const both = decide(lacking([], "sg-a", "sg-b"));
  expect(kindsOf(both)).toEqual(["CreateWarm", "CreateWarm"]);
  expect(fieldsOf(both)).toEqual([
    { namespace: "shop", vlan: 1 },
    { namespace: "shop", vlan: 2 },
  ]);
});

it.each([
  ["a node that has had no pod", ledgerOf(), {}],
  ["a pod that waits for a slot", lacking([], "sg-a"), { pods: [podFacts()] }],
  ["what cools, and may become warm", lacking([branchOf({ state: "cooling" }), warm()], "sg-a"), {}],
  ["a share that is used up", lacking([], "sg-a"), { settings: settings({ room: () => 0 }) }],
  [
    "free addresses that are not known",
    lacking([], "sg-a"),
    { settings: settings({ room: () => undefined }) },
  ],
  ["groups that no policy gives any more", lacking([], "sg-gone"), {}],
  ["policies that are not followed", lacking([], "sg-a"), { areGroupsCurrent: false }],
  ["caches that are not complete", lacking([], "sg-a"), { isComplete: false }],
  ["a target of none", lacking([], "sg-a"), { settings: settings({ target: 0 }) }],
])("none is made because of %s", (_what, ledger, fields) => {
  expect(kindsOf(decide(ledger, fields))).toEqual([]);
});

it.each([
  ["its node is gone", warm(), { node: undefined }],
  ["the node's ENIConfig names another subnet", warm(), { eniConfig: elsewhere }],
  ["its node asks for branches no more", warm(), { cniNode: cniNodeFacts({ asksForTrunk: false }) }],
  ["another controller manages its node", warm(), { cniNode: cniNodeFacts({ managedBy: "somebody" }) }],
  ["no policy gives its groups", warm(), { policyGroups: () => [["sg-x"]] }],
  ["somebody else has changed its groups", warm({ areGroupsSure: false, home: undefined }), {}],
  ["there are more than should be", warm(), { settings: settings({ target: 0 }) }],
  ["the share has become smaller", warm(), { settings: settings({ room: () => -1 }) }],
])("one is released when %s", (_what, branch, fields) => {
  expect(kindsOf(decide(ledgerOf({ branches: [branch] }), fields))).toEqual(["DisassociateBranch"]);
});

it("one that is for all groups stays although its own are not sure, as after a restart", () => {
  const open = { home: { namespace: "shop", isOpen: true }, areGroupsSure: false };
  const across = { settings: settings({ recycle: "across-groups" }) };
  expect(afterwards(cooled({ ...open, seen: 2 }), across)).toEqual(["KeepWarm"]);
  expect(kindsOf(decide(ledgerOf({ branches: [warm(open)] }), across))).toEqual([]);
});

it("one stays while its node's CNINode is made anew", () => {
  expect(kindsOf(decide(ledgerOf({ branches: [warm()] }), { cniNode: undefined }))).toEqual([]);
});

it("one of groups that no pod has had lately makes room for others", () => {
  const branches = [warm(), warm({ id: "eni-v", vlan: 8 })];
  expect(kindsOf(decide(lacking(branches, "sg-b")))).toEqual(["DisassociateBranch"]);
  expect(kindsOf(decide(lacking(branches, "sg-a")))).toEqual([]);
});

it("one that is made is put on the trunk, and deleted when its node is gone", () => {
  const made = warm({ state: "warming", association: undefined });
  expect(kindsOf(decide(ledgerOf({ branches: [made] })))).toEqual(["AssociateWarm"]);
  expect(kindsOf(decide(ledgerOf({ branches: [made] }), { node: undefined }))).toEqual(["DeleteBranch"]);
});

it("one that cannot be put on the trunk is given up, and the next waits longer each time", () => {
  const no = { kind: "invalid", code: "InvalidParameterValue", message: "no" } as const;
  const moment = { now: 90_000, random: () => 0.5 };
  const made = warm({ state: "warming", association: undefined });
  const again = (ledger: Ledger) => {
    const [associate] = decide(ledger).actions;
    return associate?.failed(ledger, no, moment) ?? ledger;
  };
  const once = again(lacking([made], "sg-a"));
  const twice = again({ ...once, branches: new Map([[made.eni.id, made]]) });
  const waitOf = ({ retries }: Ledger) => (retries.get(WARMING)?.notBefore ?? 0) - moment.now;
  expect([once.branches.get(made.eni.id)?.state, waitOf(once) > 0]).toEqual(["releasing", true]);
  expect(waitOf(twice)).toBeGreaterThan(waitOf(once));
  const next = decide({ ...twice, branches: new Map() });
  expect([kindsOf(next), next.wakeAt]).toEqual([[], moment.now + waitOf(twice)]);
  expect(next.notes).toMatchObject([{ reason: "WarmFailed", message: "no" }]);
});

it("what keeps one from the trunk is said", () => {
  const retry = { failures: 1, notBefore: 100_000, why: "AssociateTrunkInterface: UnauthorizedOperation" };
  const { notes } = decide(
    ledgerOf({ branches: [warm({ state: "warming", association: undefined, retry })] }),
  );
  expect(notes).toMatchObject([{ about: "node", reason: "WarmFailed", message: retry.why }]);
});

const waits = podFacts();
const claim = (branch: Branch, fields = {}) =>
  kindsOf(decideBranches(viewOf({ pods: [waits], ledger: ledgerOf({ branches: [branch] }), ...fields }), 0));

it.each([
  ["of its namespace and groups", warm(), "ClaimWarm"],
  ["of another namespace", warm({ home: { namespace: "bank", isOpen: false } }), "ProveAnnotation"],
  ["of other groups", warm({ eni: { ...warm().eni, groups: ["sg-b"] } }), "ProveAnnotation"],
  ["whose groups are not sure", warm({ areGroupsSure: false }), "ProveAnnotation"],
  ["that a description did not show", warm({ missing: 1 }), "ProveAnnotation"],
  ["of nobody", warm({ home: undefined }), "ProveAnnotation"],
])("a pod and a warm branch %s: %s", (_what, branch, expected) => {
  expect(claim(branch)).toEqual([expected]);
});

it("a pod gets none of another subnet than its node's ENIConfig names", () => {
  expect(claim(warm(), { eniConfig: elsewhere })).toEqual(["ProveAnnotation"]);
  const open = warm({ home: { namespace: "shop", isOpen: true } });
  const across = { settings: settings({ recycle: "across-groups" }), eniConfig: elsewhere };
  expect(claim({ ...open, areGroupsSure: false }, across)).toEqual(["ProveAnnotation"]);
});

it("across groups a pod of other groups takes one that is for all", () => {
  const other = warm({ eni: { ...warm().eni, groups: ["sg-b"] }, home: { namespace: "shop", isOpen: true } });
  expect(claim(other, { settings: settings({ recycle: "across-groups" }) })).toEqual(["TakeWarm"]);
  expect(claim(other, { settings: settings() })).toEqual(["ProveAnnotation"]);
});

it("a pod of other groups gets the slot of a warm branch, one at a time", () => {
  const bank = { namespace: "bank", isOpen: false };
  const full = Array.from({ length: 9 }, (_, i) => warm({ id: `eni-${i}`, vlan: i + 1, home: bank }));
  const of = (branches: readonly Branch[]) =>
    decideBranches(viewOf({ pods: [waits], ledger: ledgerOf({ branches }) }), 0);
  expect(of(full).actions).toMatchObject([
    { kind: "DisassociateBranch", subject: "eni eni-0", priority: "waiting" },
  ]);
  expect(of(full).notes).toMatchObject([{ reason: "BranchWaiting" }]);
  const [first = warm(), ...others] = full;
  expect(of([{ ...first, state: "releasing" }, ...others]).actions).toEqual([]);
  // One that EC2 refuses to release keeps no pod waiting.
  const retry = { failures: 3, notBefore: 60_000, why: "no" };
  expect(of([{ ...first, state: "releasing", retry }, ...others]).actions).toMatchObject([
    { kind: "DisassociateBranch", subject: "eni eni-1" },
  ]);
});

it("one that was warm is not given other groups: it is warm again, and its pod begins anew", () => {
  const pod = { namespace: "shop", name: "web", uid: "pod-1" };
  const other = { ...warm().eni, groups: ["sg-b"] };
  const taken = warm({ state: "associated", pod, eni: other });
  expect(claim(taken)).toEqual(["GiveBackWarm"]);
  expect(claim({ ...taken, mayBeAnnotated: true })).toEqual(["LookAtPod"]);
  expect(claim({ ...taken, home: { namespace: "shop", isOpen: true } })).toEqual(["SetGroups"]);
});

it("one that is given back after its annotation was sent cools, and is nobody's meanwhile", () => {
  const pod = { namespace: "shop", name: "web", uid: "pod-1" };
  const other = { ...warm().eni, groups: ["sg-b"] };
  const afterGivingBack = (retry: Branch["retry"]) => {
    const ledger = ledgerOf({ branches: [warm({ state: "associated", pod, eni: other, retry })] });
    const [back] = decideBranches(viewOf({ pods: [waits], ledger }), 5_000).actions;
    return back?.begin(ledger).branches.get("eni-w");
  };
  expect(afterGivingBack(undefined)).toMatchObject({ state: "warm", pod: undefined });
  const cools = { state: "cooling", until: 65_000, pod: undefined, retry: undefined };
  expect(afterGivingBack({ failures: 1, notBefore: 0, why: "no answer" })).toMatchObject(cools);
});

const cooled = (fields: Partial<Branch> = {}) => branchOf({ state: "cooling", until: 1, ...fields });
const afterwards = (branch: Branch, fields = {}) =>
  kindsOf(
    decideReleases(viewOf({ settings: settings(), ledger: ledgerOf({ branches: [branch] }), ...fields }), 2),
  );

it.each([
  ["as it is", cooled(), {}, "KeepWarm"],
  ["once described twice", cooled({ seen: 2 }), {}, "KeepWarm"],
  ["when recycling is off", cooled(), { settings: settings({ recycle: "off" }) }, "DisassociateBranch"],
  ["that is nobody's", cooled({ home: undefined }), {}, "DisassociateBranch"],
  ["for all groups", cooled({ home: { namespace: "shop", isOpen: true } }), {}, "DisassociateBranch"],
  ["whose groups are not sure", cooled({ areGroupsSure: false }), {}, "DisassociateBranch"],
  ["that is not associated", cooled({ association: undefined }), {}, "DeleteBranch"],
  ["whose groups no policy gives", cooled(), { policyGroups: () => [] }, "DisassociateBranch"],
  ["without room", cooled(), { settings: settings({ room: () => 0 }) }, "DisassociateBranch"],
  ["of a node that is gone", cooled(), { node: undefined }, "DisassociateBranch"],
  ["of another subnet than the node's ENIConfig", cooled(), { eniConfig: elsewhere }, "DisassociateBranch"],
])("one that has cooled, %s", (_what, branch, fields, expected) => {
  expect(afterwards(branch, fields)).toEqual([expected]);
});

it("one that has cooled waits a minute for the subnet's addresses to be known, as after a start", () => {
  const unknown = { settings: settings({ room: () => undefined }) };
  const ledger = ledgerOf({ branches: [cooled()] });
  const at = (now: number) => decideReleases(viewOf({ ledger, ...unknown }), now);
  expect([kindsOf(at(2)), at(2).wakeAt]).toEqual([[], 1_002]);
  expect(kindsOf(at(60_002))).toEqual(["DisassociateBranch"]);
});

it("no more are kept than the target, those that are warm or made included", () => {
  const two = [cooled(), cooled({ eni: { ...branchOf().eni, id: "eni-2" }, vlan: 2 })];
  const view = viewOf({ settings: settings(), ledger: ledgerOf({ branches: [warm(), ...two] }) });
  expect(kindsOf(decideReleases(view, 2))).toEqual(["KeepWarm", "DisassociateBranch"]);
});

it("one whose last change of groups had no answer is given to no pod as it is, when its pod has ended", () => {
  const last = { namespace: "shop", name: "web", uid: "pod-0" };
  const open = branchOf({ pod: last, home: { namespace: "shop", isOpen: true } });
  const claimed = { eniId: "eni-1", vlanId: 1, mac: "", associationId: undefined };
  const pod = podFacts({ ...last, claim: claimed, groups: { ...waits.groups, groups: ["sg-b"] } });
  const across = { settings: settings({ recycle: "across-groups" }) };
  const before = ledgerOf({ branches: [open] });
  const [change] = decideLiveGroups(viewOf({ ...across, pods: [pod], ledger: before }), 0).actions;
  const lost = { kind: "unknown", code: "ECONNRESET", message: "socket hang up" } as const;
  const moment = { now: 0, random: () => 0 };
  const branch = change?.failed(change.begin(before), lost, moment).branches.get("eni-1") ?? open;
  const [keep] = decideReleases(
    viewOf({ ...across, ledger: ledgerOf({ branches: [ended(branch, 0, 60_000)] }) }),
    60_000,
  ).actions;
  const kept = keep?.begin(ledgerOf({ branches: [ended(branch, 0, 60_000)] })).branches.get("eni-1") ?? open;
  expect([keep?.kind, claim(kept, across)]).toEqual(["KeepWarm", ["TakeWarm"]]);
});
