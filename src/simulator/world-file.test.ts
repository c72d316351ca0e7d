import { expect, it, test } from "vitest";
import { Simulator } from "./model/simulator.ts";
import { emptyWorld } from "./model/world.ts";
import type { World } from "./model/types.ts";
import { EXAMPLE, applyWorldFile } from "./world-file.ts";

function worldOf(text: string): World {
  const world = emptyWorld(1);
  applyWorldFile(world, text, 0);
  return world;
}

const vpc = (more: string) => `vpcs:\n  - name: main\n    cidr: 10.0.0.0/16\n${more}`;

it("makes what the example says, with its instances running", () => {
  const world = worldOf(EXAMPLE);
  expect([...world.instances.values()].map(({ type, state }) => `${type} ${state}`)).toEqual([
    "m5.large running",
    "m5.xlarge running",
  ]);
  expect([...world.groups.values()].map(({ name }) => name)).toEqual(["default", "node", "web", "database"]);
  const groups = new Map([...world.groups.values()].map((group) => [group.name, group]));
  const [rule] = groups.get("database")?.rules.filter(({ egress }) => !egress) ?? [];
  expect(rule).toMatchObject({ protocol: "tcp", from: 5432, to: 5432, group: groups.get("web")?.id });
  expect(world.settings).toMatchObject({ carriesAfterSeconds: [0, 5], throttling: true, instanceSeconds: 1 });
  const [instance] = world.instances.values();
  expect(instance?.tags).toEqual([{ key: "Name", value: "node-1" }]);
});

it("makes the same ids from the same file, and an empty world from an empty one", () => {
  expect([...worldOf(EXAMPLE).interfaces.keys()]).toEqual([...worldOf(EXAMPLE).interfaces.keys()]);
  expect(worldOf("").vpcs.size).toBe(0);
  expect(worldOf("{}").vpcs.size).toBe(0);
});

it("makes what is known from the start, however long what is new is not", () => {
  const world = emptyWorld(1);
  applyWorldFile(world, `settings: { notFoundAfterCreateSeconds: 60 }\n${vpc("")}`, 100_000);
  const tree = { Version: "2016-11-15", VpcId: { "1": [...world.vpcs.keys()][0] ?? "" } };
  expect(new Simulator(world).execute("DescribeVpcs", tree, 100_000)["vpcSet"]).toHaveLength(1);
});

it("gives subnets the VPC's blocks of IPv6 in turn", () => {
  const world = worldOf(
    vpc(`    ipv6: true
    subnets:
      - { name: a, cidr: 10.0.0.0/24, ipv6: true }
      - { name: b, cidr: 10.0.1.0/24, ipv6: true }
      - { name: c, cidr: 10.0.2.0/24, ipv6: false }
`),
  );
  const [block] = world.vpcs.values();
  const start = block?.ipv6Cidr?.replace("::/56", "") ?? "";
  expect([...world.subnets.values()].map(({ ipv6Cidr }) => ipv6Cidr)).toEqual([
    `${start}::/64`,
    `${start}:1::/64`,
    undefined,
  ]);
});

test.each<[string, string, RegExp]>([
  ["no YAML", "vpcs: [", /^Flow sequence/],
  ["a list", "- a", /^the file is a mapping, not \["a"\]$/],
  [
    "an unknown part",
    "vpc: []",
    /^the file has no "vpc"; it has region, account, keys, settings, prefixLists, vpcs$/,
  ],
  ["an unknown setting", "settings: { speed: 1 }", /^there is no setting "speed"$/],
  [
    "a setting of another kind",
    "settings: { throttling: 1 }",
    /^the setting "throttling" is a boolean, not 1$/,
  ],
  ["no name", "vpcs: [{ cidr: 10.0.0.0/16 }]", /^"name" is a text, not undefined$/],
  ["a number for a text", "account: 123456789012", /^"account" is a text, not 123456789012$/],
  ["a block that EC2 refuses", "vpcs: [{ name: a, cidr: 10.0.0.0/8 }]", /^vpc a: InvalidVpc\.Range: /],
  [
    "an unknown group",
    vpc("    groups: [{ name: a, ingress: [{ protocol: tcp, ports: [1, 1], group: b }] }]\n"),
    /^there is no group "b" in this VPC$/,
  ],
  [
    "an instance in an unknown subnet",
    vpc("    instances: [{ name: a, type: m5.large, subnet: b }]\n"),
    /^there is no subnet "b" in this VPC$/,
  ],
  [
    "an unknown type",
    vpc(
      "    subnets: [{ name: s, cidr: 10.0.0.0/24 }]\n    instances: [{ name: a, type: m0.none, subnet: s }]\n",
    ),
    /^instance a: InvalidParameterValue: .*m0\.none/,
  ],
  [
    "ports for a protocol that has none",
    vpc("    groups: [{ name: a, ingress: [{ protocol: tcp, cidr: 10.0.0.0/8 }] }]\n"),
    /^group a: InvalidParameterValue: Must specify both from and to ports with TCP/,
  ],
  [
    "IPv6 for a subnet alone",
    vpc("    subnets: [{ name: s, cidr: 10.0.0.0/24, ipv6: true }]\n"),
    /^a subnet has "ipv6: true", and its VPC has not$/,
  ],
  [
    "a word for a yes",
    'vpcs: [{ name: a, cidr: 10.0.0.0/16, ipv6: "yes" }]',
    /^"ipv6" is true or false, not "yes"$/,
  ],
  ["aliases without end", `a: &a [${"x,".repeat(10)}]\nb: [${"*a,".repeat(200)}]`, /alias/i],
])("refuses %s in one line", (_, text, message) => {
  expect(refusalOf(text)).toMatch(message);
  expect(refusalOf(text)).not.toContain("\n");
});

function refusalOf(text: string): string {
  try {
    worldOf(text);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}
