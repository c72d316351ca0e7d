import { expect, it } from "vitest";
import {
  branchOf,
  cniNodeFacts,
  instanceFacts,
  ledgerOf,
  SETTINGS,
  SUBNET,
  viewOf,
} from "../../../test/unit/view.ts";
import { canonical } from "../canonical.ts";
import type { Ports } from "../ports.ts";
import type { View } from "../view.ts";
import { decideCniStatus } from "./cni-status.ts";

/** The text that would be written; undefined: none. */
async function written(view: View): Promise<string | undefined> {
  let text: string | undefined;
  const nodes = { setCniStatus: async (_cniNode: unknown, status: string) => void (text = status) };
  const [action] = decideCniStatus(view, 0).actions;
  await action?.run({ nodes } as unknown as Ports, {
    signal: new AbortController().signal,
    priority: "changing",
  });
  return text;
}

const attached = { type: "TrunkReady", status: "True", reason: "TrunkAttached" };

it("is the trunk with its branches by id, those that are on a VLAN", async () => {
  const branches = [
    branchOf({ id: "eni-b", vlan: 2, state: "cooling" }),
    branchOf({ id: "eni-a", vlan: 1 }),
    branchOf({ id: "eni-c", vlan: 3, state: "created" }),
    branchOf({ id: "eni-d", vlan: undefined, state: "releasing" }),
  ];
  const shown = (id: string, vlanID: number) => ({
    id,
    vlanID,
    associationID: `assoc of ${id}`,
    macAddress: "02:00:00:00:00:01",
    securityGroups: ["sg-a"],
    ipv4CIDRs: ["10.0.0.5/32"],
    subnetCIDR: "10.0.0.0/20",
  });
  expect(JSON.parse((await written(viewOf({ ledger: ledgerOf({ branches }) }))) ?? "")).toEqual({
    conditions: [{ ...attached, message: "eni-trunk is attached by device index 2" }],
    trunkInterface: {
      id: "eni-trunk",
      macAddress: "02:00:00:00:00:ff",
      deviceIndex: 2,
      subnetID: "subnet-1",
      branches: [shown("eni-a", 1), shown("eni-b", 2)],
    },
  });
});

it("leaves out what an annotation alone does not tell", async () => {
  const eni = { ...branchOf().eni, mac: "", ipv4: undefined, groups: [], subnet: { ...SUBNET, cidr: "" } };
  const status = await written(viewOf({ ledger: ledgerOf({ branches: [branchOf({ eni })] }) }));
  expect(JSON.parse(status ?? "").trunkInterface.branches).toEqual([
    { id: "eni-1", vlanID: 1, associationID: "assoc of eni-1" },
  ]);
});

it("has the instance's network, and keeps what it has of it for a trunk that was found", async () => {
  const facts = instanceFacts({
    groups: ["sg-2", "sg-1"],
    tracking: { tcpEstablished: 350, udp: 30 },
  });
  const trunk = { state: "absent", facts } as const;
  const network = {
    instanceID: "i-1",
    subnetID: "subnet-1",
    subnetCIDRBlock: "10.0.0.0/20",
    primaryNetworkInterfaceSecurityGroups: ["sg-1", "sg-2"],
    connectionTracking: { tcpEstablishedTimeout: 350, udpTimeout: 30 },
  };
  const made = JSON.parse((await written(viewOf({ ledger: ledgerOf({ trunk }) }))) ?? "");
  expect(made.nodeNetworkState).toEqual(network);
  const cniNode = cniNodeFacts({ status: canonical({ nodeNetworkState: network }) });
  expect(JSON.parse((await written(viewOf({ cniNode }))) ?? "").nodeNetworkState).toEqual(network);
});

it("has no network without a group, which the schema asks for", async () => {
  const trunk = { state: "absent", facts: instanceFacts({ groups: [] }) } as const;
  const status = await written(viewOf({ ledger: ledgerOf({ trunk }) }));
  expect(JSON.parse(status ?? "")).not.toHaveProperty("nodeNetworkState");
});

it("is not written again when it is the same, in whatever order", async () => {
  const branches = [branchOf({ id: "eni-b", vlan: 2 }), branchOf({ id: "eni-a" })];
  const status = (await written(viewOf({ ledger: ledgerOf({ branches }) }))) ?? "";
  const cniNode = cniNodeFacts({ status });
  const view = viewOf({ cniNode, ledger: ledgerOf({ branches: branches.toReversed() }) });
  expect(decideCniStatus(view, 0).actions).toEqual([]);
  expect(canonical({ b: [{ d: undefined, c: 1 }], a: null })).toBe('{"a":null,"b":[{"c":1}]}');
});

it.each([
  [
    "an unattached trunk's condition",
    { trunk: { state: "absent", facts: instanceFacts() } as const },
    "TrunkPending",
    "it is being made",
  ],
  [
    "a type without trunks",
    { trunk: { state: "absent", facts: instanceFacts({ type: "t3.small" }) } as const },
    "TrunkImpossible",
    "instance type t3.small can have no trunk",
  ],
  [
    "a failure",
    {
      trunk: { state: "unknown" } as const,
      retries: new Map([["trunk", { failures: 1, notBefore: 0, why: "AttachNetworkInterface: no" }]]),
    },
    "TrunkFailed",
    "AttachNetworkInterface: no",
  ],
])("says why there is no trunk: %s", async (_what, fields, reason, message) => {
  const status = JSON.parse((await written(viewOf({ ledger: ledgerOf(fields) }))) ?? "");
  expect(status.trunkInterface).toBeUndefined();
  expect(status.conditions).toEqual([{ type: "TrunkReady", status: "False", reason, message }]);
});

it.each([
  ["before a description", { ledger: ledgerOf({ descriptions: 0 }) }],
  ["without a CNINode", { cniNode: undefined }],
  ["on EKS", { settings: { ...SETTINGS, mode: "eks" as const } }],
])("is not written %s", async (_what, fields) => expect(await written(viewOf(fields))).toBeUndefined());
