import { expect, it } from "vitest";
import {
  cniNodeFacts,
  instanceFacts,
  kindsOf,
  ledgerOf,
  nodeFacts,
  SETTINGS,
  viewOf,
} from "../../../test/unit/view.ts";
import type { InstanceFacts } from "../ledger.ts";
import { decideTrunk } from "./trunk.ts";

const absent = (facts: Partial<InstanceFacts> = {}, lookedAt = 0) =>
  ledgerOf({ trunk: { state: "absent", facts: instanceFacts(facts) }, lookedAt });

it.each([
  [
    "an unknown type",
    { ledger: absent({ type: "x9.mega" }) },
    "TrunkImpossible",
    `instance type x9.mega is not known; if it can have a trunk, say how many branches: kubectl -n kube-system patch configmap branchline-instance-types --type merge -p '{"data":{"x9.mega":"INTERFACES BRANCHES"}}'`,
  ],
  [
    "a type without trunks",
    { ledger: absent({ type: "t3.small" }) },
    "TrunkImpossible",
    "instance type t3.small can have no trunk",
  ],
  [
    "custom networking with too few interfaces",
    { ledger: absent({ type: "tiny" }), cniNode: cniNodeFacts({ eniConfig: "zone-a" }) },
    "TrunkImpossible",
    "instance type tiny takes 2 interfaces: with custom networking the node's own and that of its pods leave none for a trunk",
  ],
  [
    "an ENIConfig that is missing",
    { ledger: absent(), cniNode: cniNodeFacts({ eniConfig: "zone-a" }), eniConfig: "missing" as const },
    "TrunkWaiting",
    "the CNINode names the ENIConfig zone-a, which does not exist: subnet and groups of the trunk are not known",
  ],
  [
    "all interfaces attached",
    { ledger: absent({ deviceIndexes: [0, 1, 2] }) },
    "TrunkNoSlot",
    "all 3 interfaces that instance type m5.large takes are attached; aws-node leaves one free with ENABLE_POD_ENI=true or a lower MAX_ENI",
  ],
])("%s: said, nothing made, looked at again after a while", (_what, fields, reason, message) => {
  const view = viewOf(fields);
  // EC2 takes 20 such looks a second from the whole account, and a cluster may have thousands of one type.
  const pause = reason === "TrunkImpossible" ? 600_000 : 60_000;
  const { actions, notes, wakeAt } = decideTrunk(view, pause - 1);
  expect(notes).toEqual([{ about: "node", type: "Warning", reason, message }]);
  expect(actions).toEqual([]);
  expect(wakeAt).toBe(pause);
  expect(kindsOf(decideTrunk(view, pause))).toEqual(["LookAtInstance"]);
});

it("is said by the Node's label before EC2 has been asked", () => {
  const view = viewOf({
    ledger: ledgerOf({ trunk: { state: "unknown" }, descriptions: 0 }),
    node: nodeFacts({ instanceType: "t3.small" }),
  });
  const { actions, notes } = decideTrunk(view, 0);
  expect(notes.map(({ reason }) => reason)).toEqual(["TrunkImpossible"]);
  expect(actions).toEqual([]);
});

it.each([
  [
    "custom networking with three interfaces",
    { ledger: absent(), cniNode: cniNodeFacts({ eniConfig: "zone-a" }) },
  ],
  ["two of three interfaces", { ledger: absent({ deviceIndexes: [0, 2] }) }],
])("%s: made", (_what, fields) => {
  const decision = decideTrunk(viewOf(fields), 0);
  expect(decision.notes).toEqual([]);
  expect(kindsOf(decision)).toEqual(["CreateTrunk"]);
});

it.each([
  ["the highest", [0], 2],
  ["the one that is free", [0, 2], 1],
])("attaches by %s", (_what, deviceIndexes, expected) => {
  const facts = instanceFacts({ deviceIndexes });
  const trunk = {
    state: "created",
    facts,
    id: "eni-t",
    mac: "02:00:00:00:00:fe",
    subnet: "subnet-1",
    deviceIndex: undefined,
    since: 0,
  } as const;
  const [action] = decideTrunk(viewOf({ ledger: ledgerOf({ trunk }) }), 0).actions;
  expect(action?.kind).toBe("AttachTrunk");
  expect(action?.fields["deviceIndex"]).toBe(expected);
});

it.each([
  ["asks for none", { cniNode: cniNodeFacts({ asksForTrunk: false }) }],
  ["is managed by another", { cniNode: cniNodeFacts({ managedBy: "somebody" }) }],
  ["has a CNINode of another Node", { cniNode: cniNodeFacts({ ownerUid: "another" }) }],
  ["is on EKS", { settings: { ...SETTINGS, mode: "eks" as const } }],
])("makes none for a node that %s", (_what, fields) => {
  expect(kindsOf(decideTrunk(viewOf({ ledger: absent(), ...fields }), 0))).toEqual([]);
});

it("undoes what was begun, also when it is not asked for any more", () => {
  const trunk = { state: "undoing", id: "eni-t", since: 0, why: "", hasFailed: false } as const;
  const view = viewOf({ ledger: ledgerOf({ trunk }), cniNode: cniNodeFacts({ asksForTrunk: false }) });
  expect(kindsOf(decideTrunk(view, 0))).toEqual(["RemoveTrunk"]);
});

it("says what has failed, and waits", () => {
  const retries = new Map([["trunk", { failures: 2, notBefore: 5_000, why: "AttachNetworkInterface: no" }]]);
  const decision = decideTrunk(viewOf({ ledger: { ...absent(), retries } }), 0);
  expect(decision.notes).toEqual([
    { about: "node", type: "Warning", reason: "TrunkFailed", message: "AttachNetworkInterface: no" },
  ]);
  expect(decision.actions).toEqual([]);
  expect(decision.wakeAt).toBe(5_000);
});
