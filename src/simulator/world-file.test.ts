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

it("makes prefix lists, network ACLs and route tables, and gives them to subnets", () => {
  const world = worldOf(`prefixLists:
  - { name: offices, cidrs: [192.0.2.0/24, 198.51.100.0/24] }
  - { name: later, maxEntries: 9 }
  - { name: six, cidrs: ["2001:db8::/32"] }
${vpc(`    acls:
      - name: web
        ingress:
          - { number: 100, action: allow, protocol: "6", ports: [80, 90], cidr: 0.0.0.0/0 }
          - { number: 101, action: deny, protocol: "1", icmp: [8], cidr: 10.0.0.0/8 }
        egress: [{ number: 100, action: allow, protocol: "58", icmp: [128, 0], cidr6: "::/0" }]
    routeTables:
      - name: private
        routes:
          - { to: 0.0.0.0/0, via: nat-0123456789abcdef0 }
          - { to: "::/0", via: eigw-0123456789abcdef0 }
          - { list: offices, via: igw-0123456789abcdef0 }
    subnets:
      - { name: a, cidr: 10.0.0.0/24, acl: web, routeTable: private }
      - { name: b, cidr: 10.0.1.0/24 }
    groups: [{ name: g, ingress: [{ protocol: tcp, ports: [443], list: offices }] }]
`)}`);
  const [offices, later, six] = world.prefixLists.values();
  expect([offices?.maxEntries, later?.maxEntries, later?.family, six?.family]).toEqual([2, 9, 4, 6]);
  const [own, web] = world.networkAcls.values();
  const [main, table] = world.routeTables.values();
  const [a, b] = world.subnets.values();
  expect([a?.acl.id, b?.acl.id, a?.routeTable?.id, b?.routeTable]).toEqual([
    web?.id,
    own?.id,
    table?.id,
    undefined,
  ]);
  expect(main?.main).toMatch(/^rtbassoc-/);
  expect(web?.entries.filter(({ number }) => number < 32_767)).toMatchObject([
    { number: 100, egress: false, allows: true, protocol: "6", ports: { from: 80, to: 90 } },
    { number: 101, egress: false, allows: false, protocol: "1", icmp: { type: 8, code: -1 } },
    { number: 100, egress: true, protocol: "58", cidr: "::/0", icmp: { type: 128, code: 0 } },
  ]);
  expect(
    table?.routes.slice(1).map(({ destination, target }) => [destination, "id" in target && target.id]),
  ).toEqual([
    ["0.0.0.0/0", "nat-0123456789abcdef0"],
    ["::/0", "eigw-0123456789abcdef0"],
    [offices?.id, "igw-0123456789abcdef0"],
  ]);
  const group = [...world.groups.values()].find(({ name }) => name === "g");
  expect(group?.rules.find(({ egress }) => !egress)?.prefixList).toBe(offices?.id);
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
  [
    "an unknown prefix list",
    vpc("    groups: [{ name: a, ingress: [{ protocol: '-1', list: b }] }]\n"),
    /^there is no prefix list "b"$/,
  ],
  [
    "an unknown ACL",
    vpc("    subnets: [{ name: s, cidr: 10.0.0.0/24, acl: b }]\n"),
    /^there is no ACL "b" in this VPC$/,
  ],
  [
    "an entry that EC2 refuses",
    vpc(
      "    acls: [{ name: a, ingress: [{ number: 0, action: allow, protocol: '-1', cidr: 0.0.0.0/0 }] }]\n",
    ),
    /^ACL a: InvalidParameterValue: Value \(0\) for parameter ruleNumber is invalid/,
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
