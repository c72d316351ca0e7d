import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { patience, runs } from "../../../test/fuzz/runs.ts";
import { freeAddresses, sizeOf } from "./addresses.ts";
import { Ec2Error } from "./error.ts";
import { instanceTypes } from "./instance-types.ts";
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
  "DeleteNetworkInterface",
  "AttachNetworkInterface",
  "DetachNetworkInterface",
  "AssociateTrunkInterface",
  "DisassociateTrunkInterface",
  "ModifyNetworkInterfaceAttribute",
  "AssignPrivateIpAddresses",
  "RunInstances",
  "TerminateInstances",
  "StopInstances",
  "StartInstances",
  "DeleteSecurityGroup",
  "DeleteSubnet",
  "CreateSecurityGroup",
];

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom(...ACTIONS),
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
      return [
        action,
        { AttachmentId: world.interfaces.get(eni)?.attachment?.id ?? "eni-attach-0123456789abcdef0" },
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
      return [action, { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: String(n) }];
    case "RunInstances":
      return [action, { ImageId: "ami-12345678", MinCount: "1", MaxCount: "1", SubnetId: subnet }];
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

function trunkOf(world: World, which: Pick): string {
  return pick(new Map([...world.interfaces].filter(([, { type }]) => type === "trunk")), which);
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
  unique(
    "VLAN id",
    associations.map(({ trunk, vlan }) => `${trunk} ${vlan}`),
  );
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
    const taken = inside.reduce((sum, { addresses }) => sum + addresses.length, 0);
    if (freeAddresses(subnet) !== sizeOf(subnet) - taken)
      defects.push(`${subnet.id} counts ${freeAddresses(subnet)} free`);
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

function worldOfTest(seed: number): Simulator {
  const simulator = new Simulator(emptyWorld(seed));
  simulator.world.settings.throttling = false;
  simulator.world.settings.quotas.interfaces = 40;
  const call = (action: string, tree: ParamTree) =>
    simulator.execute(action, { Version: "2016-11-15", ...tree }, 0);
  call("CreateVpc", { CidrBlock: "10.0.0.0/16", AmazonProvidedIpv6CidrBlock: "true" });
  const [vpc] = simulator.world.vpcs.values();
  const ipv6 = vpc?.ipv6Cidr?.replace("/56", "/64") ?? "";
  call("CreateSubnet", { VpcId: vpc?.id ?? "", CidrBlock: "10.0.0.0/28", Ipv6CidrBlock: ipv6 });
  call("CreateSubnet", { VpcId: vpc?.id ?? "", CidrBlock: "10.0.1.0/26" });
  return simulator;
}

/** All but the random numbers drawn, by name. */
function stateOf(world: World): Record<string, unknown> {
  return structuredClone({ ...world, random: undefined });
}

function differences(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  return Object.keys(before).filter((name) => !isDeepStrictEqual(before[name], after[name]));
}

function refuses(simulator: Simulator, action: string, tree: ParamTree, now: number): boolean {
  try {
    simulator.execute(action, { Version: "2016-11-15", ...tree }, now);
    return false;
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    return true;
  }
}

function play(simulator: Simulator, steps: readonly Step[], reached: Set<string>): void {
  let now = 0;
  const changes: string[] = [];
  for (const one of steps) {
    now += one.waitMs;
    const [action, tree] = requestOf(simulator.world, one);
    simulator.advance(now);
    const before = stateOf(simulator.world);
    const isRefused = refuses(simulator, action, tree, now);
    reached.add(isRefused ? `${one.action} refused` : one.action);
    // A refusal leaves everything as it was, but for what time alone has brought about.
    if (isRefused) changes.push(...differences(before, stateOf(simulator.world)));
    expect(changes).toEqual([]);
    expect(broken(simulator.world)).toEqual([]);
  }
}

test("random sequences keep the invariants, and a refusal changes nothing", patience, () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(0, 2),
      fc.array(step, { minLength: 20, maxLength: 80 }),
      (seed, lag, steps) => {
        const simulator = worldOfTest(seed);
        simulator.world.settings.describeLagSeconds = lag;
        play(simulator, steps, reached);
      },
    ),
    runs(80, 0.05),
  );
  // Sequences that got nowhere would keep any invariant.
  expect([...reached]).toEqual(expect.arrayContaining(ACTIONS));
  expect([...reached]).toContain("AssociateTrunkInterface refused");
});

test("the same seed and requests make the same world, ids included", () => {
  const [one, other] = [worldOfTest(7), worldOfTest(7)];
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 30 }), (steps) => {
      play(one, steps, new Set());
      play(other, steps, new Set());
      expect([...other.world.interfaces]).toEqual([...one.world.interfaces]);
    }),
    runs(3, 0.001),
  );
});
