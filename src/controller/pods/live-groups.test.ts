import { expect, it } from "vitest";
import {
  branchOf,
  changeOf,
  cniNodeFacts,
  ledgerOf,
  podFacts,
  SETTINGS,
  viewOf,
} from "../../../test/unit/view.ts";
import type { PodFacts } from "../facts.ts";
import type { View } from "../view.ts";
import type { GroupChange } from "./group-change.ts";
import { decideLiveGroups } from "./live-groups.ts";

const claim = { eniId: "eni-1", vlanId: 1, mac: "02:00:00:00:00:01", associationId: undefined };
const groupsOf = (...groups: string[]) => ({
  groups,
  selecting: groups.length === 0 ? [] : ["shop/web"],
  undecided: [],
  passedOver: [],
});
const pod = (fields: Partial<PodFacts> = {}) => podFacts({ claim, groups: groupsOf("sg-b"), ...fields });
const view = (fields: Partial<View> = {}) =>
  viewOf({ pods: [pod()], ledger: ledgerWith({ groups: [] }), ...fields });
const ledgerWith = (fields: Partial<GroupChange>) =>
  ledgerOf({ branches: [branchOf()], changes: new Map([["eni-1", changeOf(fields)]]) });
const retry = { failures: 1, notBefore: 5_000, why: "ModifyNetworkInterfaceAttribute: no" };

const told = (of: View, now = 1_000) => {
  const { actions, notes, wakeAt } = decideLiveGroups(of, now);
  return {
    actions: actions.map(
      ({ kind, subject, priority, fields }) => `${kind} ${subject} ${priority} ${fields["groups"]}`,
    ),
    notes: notes.map(({ reason, message }) => `${reason}: ${message}`),
    wakeAt,
  };
};
const nothing = { actions: [], notes: [], wakeAt: undefined };
const changed = { actions: ["ChangeGroups pod pod-1 changing sg-b"], notes: [], wakeAt: undefined };

it("a living pod's groups follow its policies, after the pods that wait", () => {
  expect(told(view())).toEqual(changed);
});

it("once its tags say so, for no pod that comes after", () => {
  const young = view({ ledger: ledgerOf({ branches: [branchOf()] }) });
  const marked = { ...changed, actions: ["MarkChanged pod pod-1 changing undefined"] };
  expect(told(young)).toEqual(marked);
  // A branch that is its namespace's for whatever groups, and EKS's, need none.
  const open = branchOf({ home: { namespace: "shop", isOpen: true } });
  expect(told(view({ ledger: ledgerOf({ branches: [open] }) }))).toEqual(changed);
  expect(told({ ...young, settings: { ...SETTINGS, mode: "eks" } })).toEqual(changed);
});

it("on EKS too", () => {
  expect(told(view({ settings: { ...SETTINGS, mode: "eks" } }))).toEqual(changed);
});

it.each<[string, Partial<View>]>([
  [
    "they are what they should be, in another order",
    {
      pods: [pod({ groups: groupsOf("sg-b", "sg-a") })],
      ledger: ledgerOf({ branches: [branchOf({ eni: { ...branchOf().eni, groups: ["sg-a", "sg-b"] } })] }),
    },
  ],
  [
    "its branch was not described yet",
    {
      ledger: ledgerOf({ branches: [branchOf({ eni: { ...branchOf().eni, groups: [] } })] }),
    },
  ],
  ["it has finished", { pods: [pod({ isFinished: true })] }],
  ["it is being deleted", { pods: [pod({ isBeingDeleted: true })] }],
  ["it has no branch", { pods: [pod({ claim: undefined })] }],
  ["its branch cools", { ledger: ledgerOf({ branches: [branchOf({ state: "cooling", until: 9_000 })] }) }],
  [
    "the branch is another pod's",
    {
      ledger: ledgerOf({ branches: [branchOf({ pod: { namespace: "shop", name: "web", uid: "pod-0" } })] }),
    },
  ],
  ["another controller manages its node", { cniNode: cniNodeFacts({ managedBy: "somebody" }) }],
  ["something is done for it", { busy: new Set(["pod pod-1"]) }],
])("nothing is changed when %s", (_what, fields) => {
  expect(told(view(fields))).toEqual(nothing);
});

it("nothing is changed while policies are not followed, and it is looked again soon", () => {
  expect(told(view({ areGroupsCurrent: false }))).toEqual({ ...nothing, wakeAt: 1_500 });
});

it.each<[string, Partial<View>, string]>([
  [
    "no policy selects it any more",
    { pods: [pod({ groups: groupsOf() })] },
    "GroupsKept: no SecurityGroupPolicy selects the pod any more: its branch eni-1 keeps the groups sg-a until the pod ends",
  ],
  [
    "a policy cannot be read",
    {
      pods: [
        pod({ groups: { ...groupsOf("sg-b"), undecided: [{ policy: "shop/db", why: "no such operator" }] } }),
      ],
    },
    "GroupsNotChanged: its branch eni-1 keeps the groups sg-a: SecurityGroupPolicy shop/db cannot be read, and may select the pod: no such operator",
  ],
  [
    "it is switched off",
    { settings: { ...SETTINGS, liveGroups: false } },
    "GroupsNotChanged: its branch eni-1 keeps the groups sg-a: --live-groups=false: delete the pod, so that it is made anew",
  ],
])("the pod keeps them, and is told, when %s", (_what, fields, note) => {
  expect(told(view(fields))).toEqual({ ...nothing, notes: [note] });
});

it("what was refused is tried again when its time has come, and at once for other groups", () => {
  const refused = view({ ledger: ledgerWith({ retry }) });
  const note =
    "GroupsNotChanged: its branch eni-1 keeps the groups sg-a: ModifyNetworkInterfaceAttribute: no";
  expect(told(refused)).toEqual({ actions: [], notes: [note], wakeAt: 5_000 });
  expect(told(refused, 5_000)).toEqual(changed);
  expect(told(view({ ledger: ledgerWith({ groups: ["sg-c"], retry }) }))).toEqual(changed);
});

it.each([true, false])(
  "what was refused for other groups makes nobody wait, nor is it said, marked %s",
  (isMarked) => {
    const before = ledgerWith({ groups: ["sg-c"], retry: { ...retry, failures: 20 }, isMarked });
    const [action] = decideLiveGroups(view({ ledger: before }), 1_000).actions;
    const begun = action?.begin(before) ?? before;
    // While it is under way, too.
    expect(begun.changes.get("eni-1")?.retry?.why).toBe(isMarked ? undefined : retry.why);
    const lost = { kind: "unknown", code: "", message: "no answer" } as const;
    const after = action?.failed(begun, lost, { now: 1_000, random: () => 0 });
    expect(after?.changes.get("eni-1")?.retry).toMatchObject({ failures: 1, why: "no answer" });
  },
);

it("without an answer it is asked again, although the policies say what it had before", () => {
  const back = view({ pods: [pod({ groups: groupsOf("sg-a") })], ledger: ledgerWith({ mayBeDone: true }) });
  expect(told(back).actions).toEqual(["ChangeGroups pod pod-1 changing sg-a"]);
});

it("says what was taken away once it is done", () => {
  const [action] = decideLiveGroups(view(), 1_000).actions;
  expect(action?.told).toMatchObject({
    type: "Normal",
    reason: "GroupsChanged",
    message:
      "its branch eni-1 has the groups sg-b now; sg-a was taken away: established connections stay as long as EC2 tracks them",
  });
});
