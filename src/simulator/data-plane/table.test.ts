import { expect, it, test } from "vitest";
import { emptyNetwork } from "./network.ts";
import type { GroupRule, Network, Port } from "./network.ts";
import { tableOf } from "./table.ts";
import { tableDifference } from "./table-difference.ts";

const port = (device: string, more: Partial<Port> = {}): Port => ({
  eni: `eni-${device}`,
  device,
  mac: "02:00:00:00:00:01",
  addresses: ["10.0.0.4", "2001:db8::4"],
  groups: ["sg-1"],
  isChecked: true,
  cable: { kind: "branch", trunk: "trunk", vlanId: 7 },
  ...more,
});

const rule = (more: Partial<GroupRule>): GroupRule => ({
  id: "sgr-1",
  egress: false,
  protocol: "tcp",
  peer: { cidr: "10.0.0.0/8" },
  ...more,
});

const network = (rules: readonly GroupRule[], ...ports: readonly Port[]): Network => ({
  ...emptyNetwork,
  groups: new Map([["sg-1", rules]]),
  prefixLists: new Map([
    ["pl-4", { family: 4, cidrs: ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.7/32", "10.0.0.0/8", "10.0.0.0/9"] }],
    ["pl-6", { family: 6, cidrs: ["2001:db8::/32", "2001:db8::1/128", "::/0"] }],
  ]),
  ports: new Map(ports.map((one) => [one.device, one])),
});

const members = "@members4_sg-1";
const members6 = "@members6_sg-1";
test.each<[string, Partial<GroupRule>, string[]]>([
  ["one port", { from: 80, to: 80 }, ["ip saddr 10.0.0.0/8 tcp dport 80 counter goto tracked_in"]],
  ["ports", { from: 80, to: 90 }, ["ip saddr 10.0.0.0/8 tcp dport 80-90 counter goto tracked_in"]],
  [
    "IPv6",
    { protocol: "udp", from: 53, to: 53, peer: { cidr: "2001:db8::/64" } },
    ["ip6 saddr 2001:db8::/64 udp dport 53 counter goto tracked_in"],
  ],
  ["a number", { protocol: "50" }, ["ip saddr 10.0.0.0/8 meta l4proto 50 counter goto tracked_in"]],
  ["everything", { protocol: "-1" }, ["ip saddr 10.0.0.0/8 counter goto tracked_in"]],
  [
    "a group, in both families",
    { from: 80, to: 80, peer: { group: "sg-1" } },
    [
      `ip saddr ${members} tcp dport 80 counter goto tracked_in`,
      `ip6 saddr ${members6} tcp dport 80 counter goto tracked_in`,
    ],
  ],
  ["a group that is gone", { peer: { group: "sg-2" } }, []],
  [
    "a prefix list",
    { from: 80, to: 80, peer: { list: "pl-4" } },
    ["ip saddr @list_pl-4 tcp dport 80 counter goto tracked_in"],
  ],
  [
    "a prefix list of IPv6",
    { protocol: "-1", peer: { list: "pl-6" } },
    ["ip6 saddr @list_pl-6 counter goto tracked_in"],
  ],
  ["a prefix list that is gone", { peer: { list: "pl-5" } }, []],
  ["ICMP of a prefix list of IPv6", { protocol: "icmp", from: 8, to: -1, peer: { list: "pl-6" } }, []],
  [
    "ICMP of a group, which is IPv4 alone",
    { protocol: "icmp", from: -1, to: -1, peer: { group: "sg-1" } },
    [`ip saddr ${members} meta l4proto icmp counter goto tracked_in`],
  ],
  [
    "a type of ICMP",
    { protocol: "icmp", from: 8, to: -1 },
    ["ip saddr 10.0.0.0/8 icmp type 8 counter goto tracked_in"],
  ],
  [
    "a type and a code",
    { protocol: "icmpv6", from: 1, to: 4, peer: { cidr: "::/0" } },
    ["ip6 saddr ::/0 icmpv6 type 1 icmpv6 code 4 counter goto open_in"],
  ],
  [
    "all peers",
    { from: 0, to: 65535, peer: { cidr: "0.0.0.0/0" } },
    ["ip saddr 0.0.0.0/0 tcp dport 0-65535 counter goto open_in"],
  ],
])("a rule for %s", (_, more, expected) => {
  const lines = (given: Partial<GroupRule>, direction: string) => {
    const { chains } = tableOf(network([rule(given)]));
    return ["_all", ""].flatMap((which) => chains.get(`${direction}_sg-1${which}`) ?? [""]);
  };
  expect(lines(more, "in")).toEqual(expected.map((line) => `${line} comment "sgr-1"`));
  expect(lines({ ...more, egress: true }, "out")).toEqual(
    expected.map((line) => `${line.replace("saddr", "daddr").replace("_in", "_out")} comment "sgr-1"`),
  );
  expect(lines({ ...more, egress: true }, "in")).toEqual([]);
});

it("asks all groups of an interface, and refuses what none allows", () => {
  const { chains } = tableOf(network([], port("a", { groups: ["sg-1", "sg-gone"] })));
  expect(chains.get("in_a")).toEqual(["jump in_sg-1_all", "jump in_sg-1", "goto refused"]);
  expect(chains.get("out_a")).toEqual(["jump out_sg-1_all", "jump out_sg-1", "goto withheld"]);
});

it("asks rules for everybody first, whichever group they are in: they may leave a connection untracked", () => {
  const some = rule({ id: "sgr-some" });
  const all = rule({ id: "sgr-all", peer: { cidr: "0.0.0.0/0" } });
  const { chains } = tableOf({
    ...network([], port("a", { groups: ["sg-1", "sg-2"] })),
    groups: new Map([
      ["sg-1", [some]],
      ["sg-2", [some, all]],
    ]),
  });
  const asked = (chains.get("in_a") ?? []).flatMap((jump) => chains.get(jump.replace("jump ", "")) ?? []);
  expect(asked.map((line) => /sgr-\w+/.exec(line)?.[0])).toEqual(["sgr-all", "sgr-some", "sgr-some"]);
});

it("tracks TCP by the shorter time first, and by no other", () => {
  const { chains, sets, timeouts } = tableOf(
    network([], port("a", { tcpSeconds: 60 }), port("b", { tcpSeconds: 350 }), port("c")),
  );
  expect(chains.get("timeouts")?.map((line) => /tracked_\w+/.exec(line)?.[0])).toEqual([
    ...Array<string>(4).fill("tracked_tcp_60"),
    ...Array<string>(4).fill("tracked_tcp_350"),
  ]);
  // Of two that were set, it would depend on the kernel which one counts.
  expect(chains.get("timeouts")?.filter((line) => !line.endsWith(" return"))).toEqual([]);
  expect([...(sets.get("tracked_tcp_60")?.elements ?? [])]).toEqual(['"a"']);
  expect(timeouts.get("tcp_60_v6")).toBe("protocol tcp; l3proto ip6; policy = { established: 60 };");
  const udp = tableOf(network([], port("a", { udpSeconds: [30, 180] }), port("b", { udpSeconds: [30, 60] })));
  expect([...udp.timeouts.keys()]).toEqual([
    "udp_30_60_v4",
    "udp_30_60_v6",
    "udp_30_180_v4",
    "udp_30_180_v6",
  ]);
  expect(udp.timeouts.get("udp_30_60_v4")).toBe(
    "protocol udp; l3proto ip; policy = { unreplied: 30, replied: 60 };",
  );
});

it("knows which interfaces answer everybody, by family and protocol", () => {
  const anybody = { egress: true, protocol: "-1", peer: { cidr: "0.0.0.0/0" } };
  const ports = { protocol: "tcp", from: 0, to: 65535, peer: { cidr: "::/0" } };
  const some = { protocol: "udp", from: 1, to: 65535, peer: { cidr: "::/0" } };
  const { sets } = tableOf(network([rule(anybody), rule(ports), rule(some)], port("a")));
  expect([...(sets.get("answers_out")?.elements ?? [])]).toEqual(['"a" . ipv4 . tcp', '"a" . ipv4 . udp']);
  expect([...(sets.get("answers_in")?.elements ?? [])]).toEqual(['"a" . ipv6 . tcp']);
});

it("has of a prefix list the blocks that no other of it contains: a set of intervals takes no overlap", () => {
  const { sets } = tableOf(network([]));
  expect([...(sets.get("list_pl-4")?.elements ?? [])]).toEqual(["10.0.0.0/8", "192.0.2.7"]);
  expect([...(sets.get("list_pl-6")?.elements ?? [])]).toEqual(["::/0"]);
});

it("follows a change of a prefix list by the elements that differ, and touches no rule", () => {
  const before = network([rule({ peer: { list: "pl-4" } })]);
  const prefixLists = new Map([
    ...before.prefixLists,
    ["pl-4", { family: 4, cidrs: ["10.1.0.0/16", "192.0.2.7/32"] }] as const,
  ]);
  expect(tableDifference(tableOf(before), tableOf({ ...before, prefixLists }))).toBe(
    "delete element inet vpc list_pl-4 { 10.0.0.0/8 }\nadd element inet vpc list_pl-4 { 10.1.0.0/16 }\n",
  );
});

it("changes nothing where nothing has changed", () => {
  const table = tableOf(network([rule({})], port("a"), port("b", { tcpSeconds: 60 })));
  expect(tableDifference(table, table)).toBe("");
  expect(tableDifference(tableOf(emptyNetwork), tableOf(emptyNetwork))).toBe("");
});

it("replaces a group's rules in one transaction, and touches no interface", () => {
  const before = tableOf(network([rule({})], port("a")));
  const after = tableOf(network([rule({ id: "sgr-2", protocol: "udp" })], port("a")));
  expect(tableDifference(before, after)).toBe(
    'flush chain inet vpc in_sg-1\nadd rule inet vpc in_sg-1 ip saddr 10.0.0.0/8 meta l4proto udp counter goto tracked_in comment "sgr-2"\n',
  );
});
