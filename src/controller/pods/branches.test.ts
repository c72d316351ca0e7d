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
import type { PodFacts } from "../facts.ts";
import type { Ledger, Request } from "../ledger.ts";
import type { FailureKind } from "../moment.ts";
import type { Ports } from "../ports.ts";
import { decideBranches } from "./branches.ts";

const CALL = { signal: new AbortController().signal, priority: "waiting" } as const;
const pod = podFacts();
const groups = pod.groups;

const request = (fields: Partial<Request>): Request => ({
  pod: { namespace: "shop", name: "web", uid: "pod-1" },
  attempt: 0,
  making: undefined,
  provenAt: undefined,
  retry: undefined,
  ...fields,
});
const requests = (fields: Partial<Request>) => new Map([["pod-1", request(fields)]]);

const full = Array.from({ length: 9 }, (_, i) =>
  branchOf({
    id: `eni-${i}`,
    vlan: i + 1,
    pod: { namespace: "shop", name: `p${i}`, uid: `other-${i}` },
    ...(i === 0 && { state: "cooling" as const, until: 12_500 }),
  }),
);
const taken = Array.from({ length: 9 }, (_, i) =>
  branchOf({ id: `eni-${i}`, vlan: i + 1, pod: { namespace: "shop", name: "x", uid: `other-${i}` } }),
);
const failed = { failures: 1, notBefore: 900, why: "CreateNetworkInterface: InternalError: no" };

it.each([
  [
    "no policy selects it",
    { pods: [podFacts({ groups: { ...groups, groups: [], selecting: [] } })] },
    "Warning",
    "BranchRefused",
    "no SecurityGroupPolicy of its namespace selects the pod, although it asks for a branch: create one, or take the limit vpc.amazonaws.com/pod-eni out of the pod",
  ],
  [
    "a policy cannot be read",
    {
      pods: [
        podFacts({ groups: { ...groups, undecided: [{ policy: "shop/db", why: "no such operator" }] } }),
      ],
    },
    "Warning",
    "BranchRefused",
    "SecurityGroupPolicy shop/db cannot be read, and may select the pod: no such operator",
  ],
  [
    "the agent has not declared the feature",
    { cniNode: cniNodeFacts({ asksForTrunk: false }) },
    "Normal",
    "BranchWaiting",
    "node n1 does not ask for branches yet: its agent has not declared the feature SecurityGroupsForPods",
  ],
  [
    "there is no trunk",
    { ledger: ledgerOf({ trunk: { state: "unknown" } }) },
    "Normal",
    "BranchWaiting",
    "node n1 has no trunk yet",
  ],
  [
    "all slots are taken, one cools",
    { ledger: ledgerOf({ branches: full }) },
    "Normal",
    "BranchWaiting",
    "all 9 branches of node n1 are taken, 1 of them by pods that have ended, the next is free in 13 s",
  ],
  [
    "all slots are taken",
    { ledger: ledgerOf({ branches: taken }) },
    "Normal",
    "BranchWaiting",
    "all 9 branches of node n1 are taken, 0 of them by pods that have ended",
  ],
  [
    "its creation has failed",
    { ledger: ledgerOf({ requests: requests({ retry: failed }) }) },
    "Warning",
    "BranchFailed",
    "CreateNetworkInterface: InternalError: no",
  ],
  [
    "its association has failed",
    { ledger: ledgerOf({ branches: [branchOf({ state: "created", retry: failed })] }) },
    "Warning",
    "BranchFailed",
    "CreateNetworkInterface: InternalError: no",
  ],
])("says that %s, and does nothing", (_what, fields, type, reason, message) => {
  const { actions, notes } = decideBranches(viewOf({ pods: [pod], ...fields }), 0);
  expect(notes).toMatchObject([{ about: { uid: "pod-1" }, type, reason, message }]);
  expect(actions).toEqual([]);
});

it.each([
  ["a pod that is finished", { pods: [podFacts({ isFinished: true })] }],
  ["one that is being deleted", { pods: [podFacts({ isBeingDeleted: true })] }],
  ["one that wants none", { pods: [podFacts({ wantsBranch: false })] }],
  ["one whose annotation cannot be read", { pods: [podFacts({ claim: "unreadable" as const })] }],
  ["one that something is done about", { busy: new Set(["pod pod-1"]) }],
  ["one whose branch cools", { ledger: ledgerOf({ branches: [branchOf({ state: "cooling" })] }) }],
  ["one that has its branch", { ledger: ledgerOf({ branches: [branchOf()] }) }],
  ["any on EKS", { settings: { ...SETTINGS, mode: "eks" as const } }],
])("does and says nothing about %s", (_what, fields) => {
  expect(decideBranches(viewOf({ pods: [pod], ...fields }), 0)).toMatchObject({ actions: [], notes: [] });
});

const created = { state: "created", association: undefined } as const;
const other = branchOf({ id: "eni-2", pod: { namespace: "shop", name: "db", uid: "pod-2" } });

it.each([
  ["first", ledgerOf(), "ProveAnnotation"],
  ["once proven", ledgerOf({ requests: requests({ provenAt: 0 }) }), "CreateBranch"],
  ["when the proof is old", ledgerOf({ requests: requests({ provenAt: -60_000 }) }), "ProveAnnotation"],
  ["once made", ledgerOf({ branches: [branchOf(created)] }), "AssociateBranch"],
  ["when its VLAN id was taken before", ledgerOf({ branches: [branchOf(created), other] }), "GiveUpBranch"],
  [
    "when only tags say so",
    ledgerOf({ branches: [branchOf(created), { ...other, state: "found", association: undefined }] }),
    "AssociateBranch",
  ],
  ["once associated", ledgerOf({ branches: [branchOf({ state: "associated" })] }), "AnnotatePod"],
  [
    "when the groups are others",
    ledgerOf({ branches: [branchOf({ state: "associated", eni: { ...branchOf().eni, groups: ["sg-b"] } })] }),
    "SetGroups",
  ],
  [
    "when it is not known which groups it has",
    ledgerOf({ branches: [branchOf({ state: "associated", areGroupsSure: false })] }),
    "SetGroups",
  ],
  [
    "when an annotation may have been written",
    ledgerOf({ branches: [branchOf({ state: "associated", mayBeAnnotated: true })] }),
    "LookAtPod",
  ],
])("%s: %s", (_what, ledger, expected) => {
  expect(kindsOf(decideBranches(viewOf({ pods: [pod], ledger }), 0))).toEqual([expected]);
});

it("gives each of several pods a VLAN id of its own, lowest first", () => {
  const pods = ["pod-1", "pod-2", "pod-3"].map((uid) => podFacts({ uid }));
  const proven = new Map(pods.map(({ uid }) => [uid, request({ pod: { ...pod, uid }, provenAt: 0 })]));
  const branches = [branchOf({ id: "eni-x", vlan: 2, pod: { namespace: "shop", name: "x", uid: "x" } })];
  const { actions } = decideBranches(viewOf({ pods, ledger: ledgerOf({ requests: proven, branches }) }), 0);
  expect(actions.map(({ fields }) => fields["vlan"])).toEqual([1, 3, 4]);
});

it("does not decide again and again while a slot that has cooled is not free yet", () => {
  const branches = full.map((branch) => ({ ...branch, seen: 1 }));
  const view = viewOf({ pods: [pod], ledger: ledgerOf({ branches }) });
  expect([12_000, 13_000].map((now) => decideBranches(view, now).wakeAt)).toEqual([12_500, undefined]);
});

it("finishes a creation that may have happened with its own VLAN id and groups", () => {
  const making = { vlan: 5, groups: ["sg-before"] };
  const ledger = ledgerOf({ requests: requests({ provenAt: 0, making }) });
  const [action] = decideBranches(viewOf({ pods: [pod], ledger }), 0).actions;
  expect(action?.kind).toBe("CreateBranch");
  expect(action?.fields["vlan"]).toBe(5);
});

it.each<[FailureKind, number]>([
  ["invalid", 300_000],
  ["wait", 60_000],
  ["denied", 300_000],
  ["gone", 60_000],
])(
  "a pod whose branch cannot be made (%s) is tried more and more seldom, proven each time",
  async (kind, longest) => {
    let ledger = ledgerOf();
    let now = 0;
    const pauses: number[] = [];
    for (let tries = 0; tries < 12; tries += 1) {
      const moment = { now, random: () => 1 };
      const next = () => decideBranches(viewOf({ pods: [pod], ledger }), now).actions[0];
      const learn = await next()?.run({ pods: { prove: async () => {} } } as unknown as Ports, CALL);
      ledger = learn?.(ledger, moment) ?? ledger;
      const create = next();
      expect(create?.kind).toBe("CreateBranch");
      ledger = create?.failed(create.begin(ledger), { kind, code: "X", message: "no" }, moment) ?? ledger;
      const until = decideBranches(viewOf({ pods: [pod], ledger }), now).wakeAt ?? now;
      pauses.push(until - now);
      now = until;
    }
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(pauses.at(-1)).toBe(longest);
  },
);

it("a pod whose groups EC2 has refused waits no longer than until its policies give others", () => {
  const moment = { now: 1_000, random: () => 1 };
  const before = ledgerOf({ requests: requests({ provenAt: 0 }) });
  const [create] = decideBranches(viewOf({ pods: [pod], ledger: before }), 0).actions;
  const failing = (kind: "invalid" | "wait") =>
    create?.failed(create.begin(before), { kind, code: "X", message: "no" }, moment) ?? before;
  const corrected = podFacts({ groups: { ...groups, groups: ["sg-b"] } });
  const after = (ledger: Ledger, one: PodFacts) =>
    kindsOf(decideBranches(viewOf({ pods: [one], ledger }), 2_000));
  expect(after(failing("invalid"), pod)).toEqual([]);
  expect(after(failing("invalid"), corrected)).toEqual(["ProveAnnotation"]);
  // Other groups make no address free.
  expect(after(failing("wait"), corrected)).toEqual([]);
  const [proving] = decideBranches(viewOf({ pods: [corrected], ledger: failing("invalid") }), 2_000).actions;
  const denied = { kind: "denied", code: "X", message: "a guard denies it" } as const;
  expect(after(proving?.failed(failing("invalid"), denied, moment) ?? before, corrected)).toEqual([]);
});

it("nothing is done for a pod while it is not known whether policies have changed; it is looked again soon", () => {
  const view = viewOf({ pods: [pod], areGroupsCurrent: false, ledger: ledgerOf({ requests: requests({}) }) });
  const { actions, notes, wakeAt } = decideBranches(view, 1_000);
  expect(actions).toEqual([]);
  expect(notes).toEqual([
    {
      about: pod,
      type: "Normal",
      reason: "BranchWaiting",
      message:
        "the API server has not said yet what has become of the policies meanwhile: the pod's groups may be others by now",
    },
  ]);
  expect(wakeAt).toBe(1_500);
  expect(kindsOf(decideBranches({ ...view, areGroupsCurrent: true }, 1_500))).toEqual(["ProveAnnotation"]);
});
