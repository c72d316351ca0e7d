import { beforeEach, describe, expect, it, test } from "vitest";
import { freeAddresses } from "./addresses.ts";
import { Ec2Error } from "./error.ts";
import { textAt } from "./operation.ts";
import type { ParamTree } from "./params.ts";
import { Simulator } from "./simulator.ts";
import type { Answer, Interface, Subnet } from "./types.ts";
import { emptyWorld } from "./world.ts";

let simulator: Simulator;
let subnet: Subnet;
/** The four groups of the subnet's /64. */
let network: string;

const call = (action: string, tree: ParamTree): Answer =>
  simulator.execute(action, { Version: "2016-11-15", ...tree }, 0);
const list = (...values: readonly (string | ParamTree)[]): ParamTree =>
  Object.fromEntries(values.map((value, i) => [String(i + 1), value]));

function create(tree: ParamTree): Interface {
  const made = call("CreateNetworkInterface", { SubnetId: subnet.id, ...tree });
  const eni = simulator.world.interfaces.get(textAt(made, "networkInterface", "networkInterfaceId"));
  if (eni === undefined) throw new Error("nothing was made");
  return eni;
}

const stateNow = () => structuredClone({ ...simulator.world, random: undefined });

/** The code of the refusal, after which everything is as it was. */
function refusal(action: string, tree: ParamTree): string {
  const before = stateNow();
  let code = "none";
  try {
    call(action, tree);
  } catch (error) {
    code = error instanceof Ec2Error ? error.code : String(error);
  }
  expect(stateNow()).toEqual(before);
  return code;
}

function madeOf(cidr: string): void {
  simulator = new Simulator(emptyWorld(5));
  simulator.world.settings.throttling = false;
  call("CreateVpc", { CidrBlock: "10.0.0.0/16", AmazonProvidedIpv6CidrBlock: "true" });
  const [vpc] = simulator.world.vpcs.values();
  const ipv6Cidr = vpc?.ipv6Cidr?.replace("/56", "/64") ?? "";
  network = ipv6Cidr.replace("::/64", ":0");
  call("CreateSubnet", { VpcId: vpc?.id ?? "", CidrBlock: cidr, Ipv6CidrBlock: ipv6Cidr });
  const [made] = simulator.world.subnets.values();
  if (made === undefined) throw new Error("no subnet");
  subnet = made;
}

beforeEach(() => madeOf("10.0.0.0/24"));

describe("of IPv6", () => {
  it("is a /80 of the subnet, shown by name, and goes with its interface", () => {
    const eni = create({ Ipv6PrefixCount: "3" });
    expect(eni.ipv6).toEqual([]);
    expect(new Set(eni.ipv6Prefixes).size).toBe(3);
    for (const prefix of eni.ipv6Prefixes) {
      expect(prefix).toMatch(/::\/80$/);
      expect(prefix.startsWith(`${network}:`)).toBe(true);
    }
    const { networkInterfaceSet } = call("DescribeNetworkInterfaces", {});
    expect(networkInterfaceSet).toMatchObject([
      { ipv6PrefixSet: eni.ipv6Prefixes.map((ipv6Prefix) => ({ ipv6Prefix })) },
    ]);
    call("DeleteNetworkInterface", { NetworkInterfaceId: eni.id });
    expect(subnet.usedIpv6Prefixes).toEqual(new Set());
  });

  it("costs no IPv4 address, and replaces the address that the subnet gives", () => {
    call("ModifySubnetAttribute", { SubnetId: subnet.id, AssignIpv6AddressOnCreation: { Value: "true" } });
    expect(create({}).ipv6).toHaveLength(1);
    const free = freeAddresses(subnet);
    expect(create({ Ipv6PrefixCount: "1" }).ipv6).toEqual([]);
    expect(freeAddresses(subnet)).toBe(free - 1);
  });

  it("can be named when nothing of it is in use", () => {
    const prefix = `${network}:7::/80`;
    expect(create({ Ipv6Prefix: list({ Ipv6Prefix: prefix }) }).ipv6Prefixes).toEqual([prefix]);
    const inUse = { SubnetId: subnet.id, Ipv6Prefix: list({ Ipv6Prefix: prefix }) };
    expect(refusal("CreateNetworkInterface", inUse)).toBe("InvalidIPAddress.InUse");
    const inside = list({ Ipv6Address: `${network}:7::1` });
    expect(refusal("CreateNetworkInterface", { SubnetId: subnet.id, Ipv6Addresses: inside })).toBe(
      "InvalidIPAddress.InUse",
    );
    create({ Ipv6Addresses: list({ Ipv6Address: `${network}:8::1` }) });
    const around = { SubnetId: subnet.id, Ipv6Prefix: list({ Ipv6Prefix: `${network}:8::/80` }) };
    expect(refusal("CreateNetworkInterface", around)).toBe("InvalidIPAddress.InUse");
  });

  it("is never chosen where an address is, nor an address where it is", () => {
    for (let i = 0; i < 0x10000; i += 2) subnet.usedIpv6Prefixes.add(`${network}:${i.toString(16)}::/80`);
    const chosen = create({ Ipv6AddressCount: "20" }).ipv6.map((address) =>
      Number.parseInt(address.split(":")[4] ?? "", 16),
    );
    expect(chosen.filter((index) => index % 2 === 0)).toEqual([]);
    const { ipv6Prefixes } = create({ Ipv6PrefixCount: "20" });
    const blocks = ipv6Prefixes.map((prefix) => Number.parseInt(prefix.split(":")[4] ?? "", 16));
    expect(blocks.filter((index) => index % 2 === 0 || chosen.includes(index))).toEqual([]);
  });
});

describe("of IPv4", () => {
  it("is a /28 that costs 16 addresses, beside a primary, and gives them back", () => {
    const free = freeAddresses(subnet);
    const eni = create({ Ipv4PrefixCount: "2" });
    expect(eni.addresses).toHaveLength(1);
    expect(eni.ipv4Prefixes).toEqual([
      expect.stringMatching(/^10\.0\.0\.\d+\/28$/),
      expect.stringMatching(/^10\.0\.0\.\d+\/28$/),
    ]);
    expect(freeAddresses(subnet)).toBe(free - 1 - 2 * 16);
    const { networkInterfaceSet } = call("DescribeNetworkInterfaces", {});
    expect(networkInterfaceSet).toMatchObject([
      { ipv4PrefixSet: eni.ipv4Prefixes.map((ipv4Prefix) => ({ ipv4Prefix })) },
    ]);
    call("DeleteNetworkInterface", { NetworkInterfaceId: eni.id });
    expect(freeAddresses(subnet)).toBe(free);
  });

  it("leaves the addresses around it to others", () => {
    madeOf("10.0.0.0/26");
    const { ipv4Prefixes } = create({ Ipv4PrefixCount: "2" });
    expect(ipv4Prefixes.toSorted()).toEqual(["10.0.0.16/28", "10.0.0.32/28"]);
    // 64 less two prefixes, EC2's five, and the primary.
    const addresses = Array.from({ length: 26 }, () => create({}).addresses[0] ?? "");
    expect(addresses.filter((address) => /\.(1[6-9]|[23]\d|4[0-7])$/.test(address))).toEqual([]);
    expect(refusal("CreateNetworkInterface", { SubnetId: subnet.id })).toBe(
      "InsufficientFreeAddressesInSubnet",
    );
  });

  it("is refused in other words when the subnet has no room than when it has no room in one piece", () => {
    madeOf("10.0.0.0/26");
    create({ PrivateIpAddress: "10.0.0.20" });
    create({ PrivateIpAddress: "10.0.0.40" });
    const one = { SubnetId: subnet.id, Ipv4PrefixCount: "1" };
    expect(freeAddresses(subnet)).toBeGreaterThan(16);
    expect(refusal("CreateNetworkInterface", one)).toBe("InsufficientCidrBlocks");
    const many = { SubnetId: subnet.id, Ipv4PrefixCount: "4" };
    expect(refusal("CreateNetworkInterface", many)).toBe("InvalidParameterValue");
  });

  it("is not where the primary of the same request is", () => {
    madeOf("10.0.0.0/26");
    const { addresses, ipv4Prefixes } = create({ PrivateIpAddress: "10.0.0.20", Ipv4PrefixCount: "1" });
    expect([addresses, ipv4Prefixes]).toEqual([["10.0.0.20"], ["10.0.0.32/28"]]);
  });
});

test.each<[string, ParamTree]>([
  ["a count of addresses", { Ipv6PrefixCount: "1", Ipv6AddressCount: "1" }],
  ["addresses", { Ipv6PrefixCount: "1", Ipv6Addresses: list({ Ipv6Address: "2001:db8::9" }) }],
  ["named prefixes", { Ipv6PrefixCount: "1", Ipv6Prefix: list({ Ipv6Prefix: "2001:db8::/80" }) }],
  ["a count of IPv4 addresses", { Ipv4PrefixCount: "1", SecondaryPrivateIpAddressCount: "1" }],
  [
    "IPv4 addresses",
    { Ipv4PrefixCount: "1", PrivateIpAddresses: list({ PrivateIpAddress: "10.0.0.9", Primary: "true" }) },
  ],
  ["named IPv4 prefixes", { Ipv4PrefixCount: "1", Ipv4Prefix: list({ Ipv4Prefix: "10.0.0.16/28" }) }],
])("a count of prefixes does not go with %s", (_, tree) => {
  expect(refusal("CreateNetworkInterface", { SubnetId: subnet.id, ...tree })).toBe(
    "InvalidParameterCombination",
  );
});

test.each<[string, () => ParamTree]>([
  ["a negative count", () => ({ Ipv6PrefixCount: "-1" })],
  ["another length", () => ({ Ipv6Prefix: list({ Ipv6Prefix: `${network}:7::/96` }) })],
  ["another subnet's", () => ({ Ipv6Prefix: list({ Ipv6Prefix: "2001:db9::/80" }) })],
  ["host bits", () => ({ Ipv6Prefix: list({ Ipv6Prefix: `${network}:7::1/80` }) })],
  ["no prefix", () => ({ Ipv6Prefix: list({ Ipv6Prefix: `${network}:7::` }) })],
  ["the other family", () => ({ Ipv6Prefix: list({ Ipv6Prefix: "10.0.0.16/28" }) })],
  ["EC2's own first addresses", () => ({ Ipv6Prefix: list({ Ipv6Prefix: `${network}::/80` }) })],
  ["EC2's own last address", () => ({ Ipv4Prefix: list({ Ipv4Prefix: "10.0.0.240/28" }) })],
  ["another length of IPv4", () => ({ Ipv4Prefix: list({ Ipv4Prefix: "10.0.0.32/27" }) })],
])("%s is refused", (_, tree) => {
  expect(refusal("CreateNetworkInterface", { SubnetId: subnet.id, ...tree() })).toBe("InvalidParameterValue");
});

test("one prefix named twice is refused", () => {
  const twice = list({ Ipv4Prefix: "10.0.0.16/28" }, { Ipv4Prefix: "10.0.0.16/28" });
  expect(refusal("CreateNetworkInterface", { SubnetId: subnet.id, Ipv4Prefix: twice })).toBe(
    "InvalidIPAddress.InUse",
  );
});

test("an interface that is there gets prefixes and addresses, and gives them back", () => {
  const eni = create({});
  const id = { NetworkInterfaceId: eni.id };
  const prefix = `${network}:9::/80`;
  const named = { Ipv6Prefix: list(prefix), Ipv6Addresses: list(`${network}:a::1`) };
  expect(call("AssignIpv6Addresses", { ...id, ...named })).toMatchObject({
    assignedIpv6Addresses: [`${network}:a::1`],
    assignedIpv6PrefixSet: [prefix],
  });
  expect(call("AssignPrivateIpAddresses", { ...id, Ipv4PrefixCount: "1" })).toMatchObject({
    assignedPrivateIpAddressesSet: [],
    assignedIpv4PrefixSet: [{ ipv4Prefix: expect.stringMatching(/\/28$/) }],
  });
  expect(call("UnassignIpv6Addresses", { ...id, ...named })).toMatchObject({
    unassignedIpv6Addresses: [`${network}:a::1`],
    unassignedIpv6PrefixSet: [prefix],
  });
  call("UnassignPrivateIpAddresses", { ...id, Ipv4Prefix: list(...eni.ipv4Prefixes) });
  expect([eni.ipv6, eni.ipv6Prefixes, eni.ipv4Prefixes, eni.addresses]).toEqual([
    [],
    [],
    [],
    [expect.any(String)],
  ]);
  expect([subnet.usedIpv6.size, subnet.usedIpv6Prefixes.size, subnet.used.size]).toEqual([0, 0, 1]);
  expect(refusal("UnassignIpv6Addresses", { ...id, Ipv6Prefix: list(prefix) })).toBe("InvalidParameterValue");
  expect(refusal("AssignIpv6Addresses", id)).toBe("MissingParameter");
});

test("a prefix counts as one address of an interface: m5.large has ten", () => {
  call("RunInstances", { ImageId: "ami-12345678", MinCount: "1", MaxCount: "1", SubnetId: subnet.id });
  const [primary] = simulator.world.interfaces.values();
  const id = { NetworkInterfaceId: primary?.id ?? "" };
  call("AssignPrivateIpAddresses", { ...id, Ipv4PrefixCount: "9" });
  expect(refusal("AssignPrivateIpAddresses", { ...id, Ipv4PrefixCount: "1" })).toBe(
    "PrivateIpAddressLimitExceeded",
  );
  call("AssignIpv6Addresses", { ...id, Ipv6PrefixCount: "10" });
  expect(refusal("AssignIpv6Addresses", { ...id, Ipv6AddressCount: "1" })).toBe(
    "PrivateIpAddressLimitExceeded",
  );
  simulator.advance(5000);
  const { id: eni } = create({ Ipv6PrefixCount: "11" });
  const [instance = ""] = simulator.world.instances.keys();
  expect(
    refusal("AttachNetworkInterface", { NetworkInterfaceId: eni, InstanceId: instance, DeviceIndex: "1" }),
  ).toBe("PrivateIpAddressLimitExceeded");
});

test.each([{ Ipv6AddressCount: "999999999" }, { Ipv6PrefixCount: "999999999" }])(
  "no interface has room for %j",
  (tree) => {
    expect(refusal("CreateNetworkInterface", { SubnetId: subnet.id, ...tree })).toBe(
      "PrivateIpAddressLimitExceeded",
    );
  },
);

test.each<[string, ParamTree, string]>([
  ["room for one alone", { Ipv4PrefixCount: "8" }, "InvalidParameterValue"],
  ["room for both, but not in one piece", { Ipv4PrefixCount: "6" }, "InsufficientCidrBlocks"],
  ["one that both name", { Ipv4Prefix: list({ Ipv4Prefix: "10.0.0.16/28" }) }, "InvalidParameterCombination"],
])("of two instances with prefixes none is made: %s", (_, tree, code) => {
  // A third of the blocks that can be prefixes has an address in it.
  for (const last of [20, 40, 60, 80]) create({ PrivateIpAddress: `10.0.0.${last}` });
  const wanted = { DeviceIndex: "0", SubnetId: subnet.id, ...tree };
  const two = { ImageId: "ami-12345678", MinCount: "2", MaxCount: "2", NetworkInterface: list(wanted) };
  expect(refusal("RunInstances", two)).toBe(code);
});
