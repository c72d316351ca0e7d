import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Tally, patience, runs } from "../../../test/fuzz/runs.ts";
import { familyOf, formatPrefix, networkOf } from "../../values/ip.ts";
import { freeAddresses, sizeOf } from "./addresses.ts";
import { Ec2Error } from "./error.ts";
import { instanceTypes } from "../../values/instance-types.ts";
import type { ParamTree } from "./params.ts";
import { Simulator } from "./simulator.ts";
import type { World } from "./types.ts";
import { emptyWorld } from "./world.ts";

/** How a step picks one of what is there: the same number picks the same thing. */
type Pick = number;

interface Step {
  readonly action: string;
  readonly a: Pick;
  readonly b: Pick;
  readonly n: number;
  readonly waitMs: number;
}

const ACTIONS = [
  "CreateNetworkInterface",
  "CreateTrunk",
  "CreateIpv6",
  "CreatePrefixes",
  "DeleteNetworkInterface",
  "AttachNetworkInterface",
  "DetachNetworkInterface",
  "AssociateTrunkInterface",
  "AssociateByGreKey",
  "DisassociateTrunkInterface",
  "ModifyNetworkInterfaceAttribute",
  "AssignPrivateIpAddresses",
  "AssignIpv6Addresses",
  "UnassignPrivateIpAddresses",
  "UnassignIpv6Addresses",
  "RunInstances",
  "RunWithPrefixes",
  "TerminateInstances",
  "StopInstances",
  "StartInstances",
  "DeleteSecurityGroup",
  "DeleteSubnet",
  "CreateSecurityGroup",
];

const OFTEN = [
  "CreateTrunk",
  "AttachNetworkInterface",
  "DetachNetworkInterface",
  "AssociateTrunkInterface",
  "DisassociateTrunkInterface",
];

const step: fc.Arbitrary<Step> = fc.record({
  // What is refused most often is tried more often.
  action: fc.constantFrom(...ACTIONS, ...OFTEN, ...OFTEN),
  a: fc.nat(1000),
  b: fc.nat(1000),
  n: fc.nat(6),
  waitMs: fc.constantFrom(0, 10, 600, 5000),
});

function pick(map: ReadonlyMap<string, unknown>, which: Pick): string {
  const ids = [...map.keys()];
  return ids[which % Math.max(1, ids.length)] ?? "eni-0123456789abcdef0";
}

function requestOf(world: World, { action, a, b, n }: Step): [string, ParamTree] {
  const eni = pick(world.interfaces, a);
  const subnet = pick(world.subnets, a);
  const list = (value: string) => ({ "1": value });
  switch (action) {
    case "CreateTrunk":
      return ["CreateNetworkInterface", { SubnetId: subnet, InterfaceType: "trunk" }];
    case "CreateIpv6":
      return ["CreateNetworkInterface", { SubnetId: subnet, Ipv6AddressCount: "1" }];
    case "CreatePrefixes":
      return [
        "CreateNetworkInterface",
        { SubnetId: subnet, Ipv6PrefixCount: String(n % 3), Ipv4PrefixCount: String(b % 2) },
      ];
    case "CreateNetworkInterface":
      return [
        action,
        { SubnetId: subnet, SecondaryPrivateIpAddressCount: String(n % 3), ClientToken: `token-${b % 50}` },
      ];
    case "DeleteNetworkInterface":
      return [action, { NetworkInterfaceId: eni }];
    case "AttachNetworkInterface":
      return [
        action,
        { NetworkInterfaceId: eni, InstanceId: pick(world.instances, b), DeviceIndex: String(n) },
      ];
    case "DetachNetworkInterface":
      return [action, { AttachmentId: attachmentOf(world, a) }];
    case "AssociateByGreKey":
      return [
        "AssociateTrunkInterface",
        { BranchInterfaceId: eni, TrunkInterfaceId: trunkOf(world, b), GreKey: String(n) },
      ];
    case "AssociateTrunkInterface":
      return [
        action,
        {
          BranchInterfaceId: eni,
          TrunkInterfaceId: trunkOf(world, b),
          VlanId: String(n),
          ClientToken: `token-${a % 50}`,
        },
      ];
    case "DisassociateTrunkInterface":
      return [action, { AssociationId: pick(world.associations, a) }];
    case "ModifyNetworkInterfaceAttribute":
      return [action, { NetworkInterfaceId: eni, SecurityGroupId: list(pick(world.groups, b)) }];
    case "AssignPrivateIpAddresses":
      return [
        action,
        {
          NetworkInterfaceId: eni,
          SecondaryPrivateIpAddressCount: String(n),
          Ipv4PrefixCount: String(b % 2),
        },
      ];
    case "AssignIpv6Addresses":
      return [
        action,
        { NetworkInterfaceId: eni, Ipv6AddressCount: String(n % 2), Ipv6PrefixCount: String(b % 2) },
      ];
    case "UnassignPrivateIpAddresses": {
      const { addresses = [], ipv4Prefixes = [] } = world.interfaces.get(eni) ?? {};
      return [
        action,
        { NetworkInterfaceId: eni, PrivateIpAddress: some(addresses, b), Ipv4Prefix: some(ipv4Prefixes, n) },
      ];
    }
    case "UnassignIpv6Addresses": {
      const { ipv6 = [], ipv6Prefixes = [] } = world.interfaces.get(eni) ?? {};
      return [
        action,
        { NetworkInterfaceId: eni, Ipv6Addresses: some(ipv6, b), Ipv6Prefix: some(ipv6Prefixes, n) },
      ];
    }
    case "RunInstances":
      return [action, { ImageId: "ami-12345678", MinCount: "1", MaxCount: "1", SubnetId: subnet }];
    case "RunWithPrefixes": {
      const primary = { DeviceIndex: "0", SubnetId: subnet, Ipv4PrefixCount: "1", Ipv6PrefixCount: "1" };
      const two = { MinCount: "2", MaxCount: "2", NetworkInterface: { "1": primary } };
      return ["RunInstances", { ImageId: "ami-12345678", ...two }];
    }
    case "TerminateInstances":
    case "StopInstances":
    case "StartInstances":
      return [action, { InstanceId: list(pick(world.instances, a)) }];
    case "DeleteSecurityGroup":
      return [action, { GroupId: pick(world.groups, a) }];
    case "DeleteSubnet":
      return [action, { SubnetId: subnet }];
    default:
      return [action, { VpcId: pick(world.vpcs, a), GroupName: `group-${b}`, GroupDescription: "of a test" }];
  }
}

/** The last so many of a list, as a request has it. */
function some(values: readonly string[], most: number): ParamTree {
  return Object.fromEntries(values.slice(-1 - (most % 3)).map((value, i) => [String(i + 1), value]));
}

/** Of an interface that is no instance's first. */
function attachmentOf(world: World, which: Pick): string {
  const more = [...world.interfaces.values()].flatMap(({ attachment }) => attachment ?? []);
  return pick(
    new Map(more.filter(({ deviceIndex }) => deviceIndex > 0).map(({ id }) => [id, id])),
    which,
  ).replace(/^eni-(?!attach)/, "eni-attach-");
}

function trunkOf(world: World, which: Pick): string {
  return pick(new Map([...world.interfaces].filter(([, { type }]) => type === "trunk")), which);
}

function prefixAround(address: string): string {
  const length = familyOf(address) === 4 ? 28 : 80;
  return formatPrefix({ address: networkOf({ address, length }), length });
}

/** What must hold whatever was done: read from the state alone, not from what the operations say. */
function broken(world: World): string[] {
  const defects: string[] = [];
  const unique = (what: string, values: readonly string[]) => {
    if (new Set(values).size < values.length) defects.push(`${what} twice: ${values.join(", ")}`);
  };
  const interfaces = [...world.interfaces.values()];
  const associations = [...world.associations.values()];
  unique(
    "MAC",
    interfaces.map(({ mac }) => mac),
  );
  unique(
    "address",
    interfaces.flatMap(({ vpc, addresses, ipv6 }) => [...addresses, ...ipv6].map((ip) => `${vpc} ${ip}`)),
  );
  const blocks = interfaces.flatMap(({ vpc, ipv4Prefixes, ipv6Prefixes }) =>
    [...ipv4Prefixes, ...ipv6Prefixes].map((prefix) => `${vpc} ${prefix}`),
  );
  unique("prefix", blocks);
  const taken = new Set(blocks);
  for (const { vpc, addresses, ipv6 } of taken.size === 0 ? [] : interfaces) {
    const inside = [...addresses, ...ipv6].filter((address) => taken.has(`${vpc} ${prefixAround(address)}`));
    if (inside.length > 0) defects.push(`in another's prefix: ${inside.join(", ")}`);
  }
  unique(
    "VLAN id or GRE key",
    associations.map(({ trunk, vlan, greKey }) => `${trunk} ${vlan === undefined ? `GRE ${greKey}` : vlan}`),
  );
  for (const { id, vlan, greKey } of associations) {
    if ((vlan === undefined) === (greKey === undefined)) defects.push(`${id} has not one of the two`);
  }
  unique(
    "branch",
    associations.map(({ branch }) => branch),
  );
  unique(
    "device",
    interfaces.flatMap(({ attachment }) =>
      attachment ? [`${attachment.instance} ${attachment.deviceIndex}`] : [],
    ),
  );
  for (const subnet of world.subnets.values()) {
    const inside = interfaces.filter((eni) => eni.subnet === subnet.id);
    const used = inside.reduce(
      (sum, { addresses, ipv4Prefixes }) => sum + addresses.length + 16 * ipv4Prefixes.length,
      0,
    );
    if (freeAddresses(subnet) !== sizeOf(subnet) - used)
      defects.push(`${subnet.id} counts ${freeAddresses(subnet)} free`);
    const [ipv6, prefixes] = [inside.flatMap((eni) => eni.ipv6), inside.flatMap((eni) => eni.ipv6Prefixes)];
    if (!isDeepStrictEqual([subnet.usedIpv6, subnet.usedIpv6Prefixes], [new Set(ipv6), new Set(prefixes)]))
      defects.push(`${subnet.id} does not know its IPv6 addresses and prefixes`);
    if (freeAddresses(subnet) < 0) defects.push(`${subnet.id} is overfull`);
  }
  for (const { id, branch, trunk } of associations) {
    if (world.interfaces.get(branch)?.association !== id) defects.push(`${branch} does not know ${id}`);
    if (world.interfaces.get(trunk)?.type !== "trunk") defects.push(`${trunk} of ${id} is no trunk`);
  }
  for (const eni of interfaces) {
    if (eni.association !== undefined && !world.associations.has(eni.association))
      defects.push(`${eni.id} of nothing`);
    if (eni.association !== undefined && eni.attachment !== undefined)
      defects.push(`${eni.id} is attached and a branch`);
    if (!world.subnets.has(eni.subnet)) defects.push(`${eni.id} is in no subnet`);
    if (eni.groups.length === 0 || eni.groups.some((id) => world.groups.get(id)?.vpc !== eni.vpc)) {
      defects.push(`${eni.id} has groups ${eni.groups.join(", ")}`);
    }
    if (
      eni.attachment !== undefined &&
      world.instances.get(eni.attachment.instance)?.state === "terminated"
    ) {
      defects.push(`${eni.id} is attached to a terminated instance`);
    }
  }
  for (const instance of world.instances.values()) {
    const plugged = interfaces.filter(({ attachment }) => attachment?.instance === instance.id);
    if (plugged.length > (instanceTypes().get(instance.type)?.interfaces ?? 0))
      defects.push(`${instance.id} is overfull`);
    const isThere = instance.state !== "terminated";
    if (isThere && !plugged.some(({ attachment }) => attachment?.deviceIndex === 0))
      defects.push(`${instance.id} has no primary`);
  }
  return defects;
}

/** What is not as a test would like it: each by itself, and all at once. */
interface Conditions {
  readonly lag: number;
  readonly youth: number;
  readonly throttling: boolean;
  /** An answer in ten is an error: before anything was done, or after, as for a client that crashes. */
  readonly faults: "none" | "before" | "after";
}

const conditions: fc.Arbitrary<Conditions> = fc.record({
  lag: fc.constantFrom(0, 2),
  youth: fc.constantFrom(0, 1),
  throttling: fc.boolean(),
  faults: fc.constantFrom("none", "before", "after"),
});

const FAULT = "InternalError";

function worldOfTest(seed: number, { lag, youth, throttling, faults }: Conditions): Simulator {
  const simulator = new Simulator(emptyWorld(seed));
  const { settings } = simulator.world;
  settings.throttling = false;
  settings.quotas.interfaces = 40;
  const call = (action: string, tree: ParamTree) =>
    simulator.execute(action, { Version: "2016-11-15", ...tree }, 0);
  call("CreateVpc", { CidrBlock: "10.0.0.0/16", AmazonProvidedIpv6CidrBlock: "true" });
  const [vpc] = simulator.world.vpcs.values();
  const ipv6 = vpc?.ipv6Cidr?.replace("/56", "/64") ?? "";
  call("CreateSubnet", { VpcId: vpc?.id ?? "", CidrBlock: "10.0.0.0/28" });
  call("CreateSubnet", { VpcId: vpc?.id ?? "", CidrBlock: "10.0.1.0/26", Ipv6CidrBlock: ipv6 });
  settings.describeLagSeconds = lag;
  settings.notFoundAfterCreateSeconds = youth;
  settings.throttling = throttling;
  settings.buckets = { CreateNetworkInterface: [2, 0.2], AssociateTrunkInterface: [2, 0.2] };
  if (faults !== "none") {
    simulator.faults.push({
      action: "*",
      code: FAULT,
      status: 500,
      probability: 0.1,
      after: faults === "after",
    });
  }
  return simulator;
}

/** All but the random numbers drawn, by name. */
function stateOf(world: World): Record<string, unknown> {
  return structuredClone({ ...world, random: undefined });
}

function differences(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  return Object.keys(before).filter((name) => !isDeepStrictEqual(before[name], after[name]));
}

/** The code of the refusal, or "" for none. */
function refusal(simulator: Simulator, action: string, tree: ParamTree, now: number): string {
  try {
    simulator.execute(action, { Version: "2016-11-15", ...tree }, now);
    return "";
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    return error.code;
  }
}

function play(simulator: Simulator, steps: readonly Step[], reached: Tally, { faults }: Conditions): void {
  let now = 0;
  const changes: string[] = [];
  for (const one of steps) {
    now += one.waitMs;
    const [action, tree] = requestOf(simulator.world, one);
    simulator.advance(now);
    const before = stateOf(simulator.world);
    const code = refusal(simulator, action, tree, now);
    const isLost = code === FAULT && faults === "after";
    reached.count(code === "" ? one.action : `${one.action} refused`);
    if (isLost) {
      reached.count("answer lost");
      if ("ClientToken" in tree) changes.push(...again(simulator, action, tree, now));
    } else if (code !== "") {
      if (code === "RequestLimitExceeded") reached.count("throttled");
      // A refusal leaves everything as it was, but for what time alone has brought about.
      changes.push(...differences(before, stateOf(simulator.world)));
    }
    expect(changes).toEqual([]);
    expect(broken(simulator.world)).toEqual([]);
  }
}

/** A client that starts again asks once more with the same token: whatever the answer, nothing is there twice. */
function again(simulator: Simulator, action: string, tree: ParamTree, now: number): string[] {
  const faults = simulator.faults.splice(0);
  simulator.advance(now);
  const before = stateOf(simulator.world);
  const code = refusal(simulator, action, tree, now);
  simulator.faults.push(...faults);
  return code === "RequestLimitExceeded" ? [] : differences(before, stateOf(simulator.world));
}

test("random sequences keep the invariants, and a refusal changes nothing", patience, () => {
  const reached = new Tally();
  fc.assert(
    fc.property(
      fc.nat(),
      conditions,
      fc.array(step, { minLength: 40, maxLength: 120, size: "max" }),
      (seed, given, steps) => play(worldOfTest(seed, given), steps, reached, given),
    ),
    runs(60, 0.07),
  );
  // Sequences that got nowhere would keep any invariant.
  const each = ACTIONS.map((action) => [action, 0.0005] as const);
  const rare = { "AssociateTrunkInterface refused": 0.01, throttled: 0.003, "answer lost": 0.003 };
  expect(reached.rare({ ...Object.fromEntries(each), ...rare })).toEqual([]);
});

test("the same seed and requests make the same world, ids included", () => {
  const given = { lag: 0, youth: 0, throttling: false, faults: "none" } as const;
  const [one, other] = [worldOfTest(7, given), worldOfTest(7, given)];
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 30 }), (steps) => {
      play(one, steps, new Tally(), given);
      play(other, steps, new Tally(), given);
      expect([...other.world.interfaces]).toEqual([...one.world.interfaces]);
    }),
    runs(3, 0.001),
  );
});
