import { beforeEach, expect, test } from "vitest";
import { desiredNetworks } from "../data-plane/desired.ts";
import { textAt } from "./operation.ts";
import type { ParamTree } from "./params.ts";
import { changeSettings } from "./settings.ts";
import { Simulator } from "./simulator.ts";
import type { Answer } from "./types.ts";
import { emptyWorld } from "./world.ts";

let simulator: Simulator;
let trunks: string[];
let branches: string[];

const call = (action: string, tree: ParamTree): Answer =>
  simulator.execute(action, { Version: "2016-11-15", ...tree }, 0);

/** A trunk's branch by a VLAN id or a GRE key. */
const associate = (branch: number, label: ParamTree, trunk = 0): Answer => {
  const pair = { BranchInterfaceId: branches[branch] ?? "", TrunkInterfaceId: trunks[trunk] ?? "" };
  return call("AssociateTrunkInterface", { ...pair, ...label })["interfaceAssociation"] as Answer;
};

const shown = (name: string, value: string): unknown => {
  const filter = { "1": { Name: name, Value: { "1": value } } };
  const { interfaceAssociationSet } = call("DescribeTrunkInterfaceAssociations", { Filter: filter });
  return (interfaceAssociationSet as Answer[]).map(({ branchInterfaceId }) => branchInterfaceId);
};

const refused = (code: string) => expect.objectContaining({ code });

beforeEach(() => {
  simulator = new Simulator(emptyWorld(1));
  const { world } = simulator;
  changeSettings(world.settings, { throttling: false, attachSeconds: 0, instanceSeconds: 0 });
  call("CreateVpc", { CidrBlock: "10.0.0.0/16" });
  const [vpc = ""] = world.vpcs.keys();
  call("CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.0.0/24" });
  const [subnet = ""] = world.subnets.keys();
  const create = (more: ParamTree) => {
    call("CreateNetworkInterface", { SubnetId: subnet, ...more });
    return [...world.interfaces.keys()].at(-1) ?? "";
  };
  trunks = ["", ""].map(() => create({ InterfaceType: "trunk" }));
  branches = Array.from({ length: 11 }, () => create({}));
});

test("a branch by a GRE key is held and shown as one, until it is disassociated", () => {
  const made = associate(0, { GreKey: "9" });
  expect(made).toMatchObject({ interfaceProtocol: "GRE", greKey: 9, vlanId: undefined });
  const { networkInterfaceSet } = call("DescribeNetworkInterfaces", {
    NetworkInterfaceId: { "1": branches[0] ?? "" },
  });
  expect(networkInterfaceSet).toMatchObject([{ interfaceType: "branch", status: "in-use" }]);
  associate(1, { VlanId: "9" });
  expect(shown("interface-protocol", "GRE")).toEqual([branches[0]]);
  expect(shown("interface-protocol", "VLAN")).toEqual([branches[1]]);
  expect(shown("gre-key", "9")).toEqual([branches[0]]);
  call("DisassociateTrunkInterface", { AssociationId: textAt(made, "associationId") });
  expect(shown("interface-protocol", "GRE")).toEqual([]);
  expect(associate(2, { GreKey: "9" })).toMatchObject({ greKey: 9 });
});

test("who observes hears on which VLAN id of which trunk a branch begins and ends", () => {
  const heard: unknown[] = [];
  simulator.observe(({ kind, id, of, vlan }) => heard.push([kind, id, of, vlan]));
  const made = associate(0, { VlanId: "9" });
  call("DisassociateTrunkInterface", { AssociationId: textAt(made, "associationId") });
  const where = [branches[0], trunks[0], 9];
  expect(heard).toEqual([
    ["branch-associated", ...where],
    ["branch-carries", branches[0], trunks[0], undefined],
    ["branch-disassociated", ...where],
  ]);
});

test("a GRE key is one branch's of its trunk; deleting that frees it", () => {
  associate(0, { GreKey: "9" });
  expect(() => associate(1, { GreKey: "9" })).toThrow(refused("InvalidParameterValue"));
  changeSettings(simulator.world.settings, { greKeyInUseCode: "GreKeyInUse" });
  expect(() => associate(1, { GreKey: "9" })).toThrow(refused("GreKeyInUse"));
  expect(associate(1, { GreKey: "9" }, 1)).toMatchObject({ trunkInterfaceId: trunks[1] });
  call("DeleteNetworkInterface", { NetworkInterfaceId: branches[0] ?? "" });
  expect(associate(2, { GreKey: "9" })).toMatchObject({ greKey: 9 });
});

test.each<[string, ParamTree, string]>([
  ["with a VLAN id", { GreKey: "9", VlanId: "9" }, "InvalidParameterCombination"],
  ["that is negative", { GreKey: "-1" }, "InvalidParameterValue"],
  ["of more than 32 bits", { GreKey: "2147483648" }, "InvalidParameterValue"],
  ["that is no number", { GreKey: "nine" }, "InvalidParameterValue"],
  ["that is missing, as is a VLAN id", {}, "MissingParameter"],
])("a GRE key %s is refused", (_, label, code) => {
  expect(() => associate(0, label)).toThrow(refused(code));
});

test("the largest integer is a GRE key, unless the settings say otherwise", () => {
  expect(associate(0, { GreKey: "2147483647" })).toMatchObject({ greKey: 2_147_483_647 });
  changeSettings(simulator.world.settings, { greKeys: [1, 100] });
  expect(() => associate(1, { GreKey: "101" })).toThrow(refused("InvalidParameterValue"));
});

test("branches of both kinds fill a trunk; only those by a VLAN id are carried by the data plane", () => {
  const [subnet = ""] = simulator.world.subnets.keys();
  call("RunInstances", { ImageId: "ami-12345678", MinCount: "1", MaxCount: "1", SubnetId: subnet });
  simulator.advance(1);
  const [instance = ""] = simulator.world.instances.keys();
  const trunk = { NetworkInterfaceId: trunks[0] ?? "", InstanceId: instance, DeviceIndex: "1" };
  call("AttachNetworkInterface", trunk);
  // m5.large has nine.
  for (let i = 0; i < 8; i++) associate(i, { GreKey: String(i) });
  associate(8, { VlanId: "1" });
  expect(() => associate(9, { GreKey: "9" })).toThrow(refused("InvalidParameterValue"));
  simulator.advance(1000);
  const [network] = desiredNetworks(simulator.world, "sim").values();
  const ports = [...(network?.ports.values() ?? [])].filter(({ cable }) => cable.kind === "branch");
  expect(ports.map(({ eni }) => eni)).toEqual([branches[8]]);
});
