import { expect, it, test } from "vitest";
import { aclTableOf } from "./acl-table.ts";
import { emptyNetwork } from "./network.ts";
import type { AclRule, Network, Port } from "./network.ts";
import { tableOf } from "./table.ts";
import { tableDifference } from "./table-difference.ts";

const port = (device: string, subnetId?: string): Port => ({
  eni: `eni-${device}`,
  device,
  mac: "02:00:00:00:00:01",
  addresses: ["10.0.0.4"],
  groups: [],
  ...(subnetId === undefined ? {} : { subnetId }),
  isChecked: true,
  cable: { kind: "branch", trunk: "trunk", vlanId: 7 },
});

const entry = (more: Partial<AclRule>): AclRule => ({
  number: 100,
  egress: false,
  allows: true,
  protocol: "-1",
  cidr: "10.0.0.0/8",
  ...more,
});

const network = (entries: readonly AclRule[], ...ports: readonly Port[]): Network => ({
  ...emptyNetwork,
  acls: new Map([["acl-1", entries]]),
  subnets: new Map([
    ["subnet-1", "acl-1"],
    ["subnet-2", "acl-gone"],
  ]),
  ports: new Map(ports.map((one) => [one.device, one])),
});

test.each<[string, Partial<AclRule>, string]>([
  ["everything", {}, "ip saddr 10.0.0.0/8"],
  ["one port", { protocol: "6", ports: { from: 80, to: 80 } }, "ip saddr 10.0.0.0/8 tcp dport 80"],
  [
    "ports of UDP over IPv6",
    { protocol: "17", cidr: "::/0", ports: { from: 1, to: 65_535 } },
    "ip6 saddr ::/0 udp dport 1-65535",
  ],
  ["a type", { protocol: "1", icmp: { type: 8, code: -1 } }, "ip saddr 10.0.0.0/8 icmp type 8"],
  [
    "a type and a code",
    { protocol: "1", icmp: { type: 3, code: 4 } },
    "ip saddr 10.0.0.0/8 icmp type 3 icmp code 4",
  ],
  ["any type", { protocol: "1", icmp: { type: -1, code: -1 } }, "ip saddr 10.0.0.0/8 meta l4proto 1"],
  [
    "ICMPv6",
    { protocol: "58", cidr: "::/0", icmp: { type: 128, code: 0 } },
    "ip6 saddr ::/0 icmpv6 type 128 icmpv6 code 0",
  ],
  ["ICMPv6 with an IPv4 block", { protocol: "58" }, "ip saddr 10.0.0.0/8 meta l4proto 58"],
  [
    "ICMP with an IPv6 block",
    { protocol: "1", cidr: "::/0", icmp: { type: 3, code: 4 } },
    "ip6 saddr ::/0 meta l4proto 1 @th,0,8 3 @th,8,8 4",
  ],
  ["another protocol", { protocol: "50" }, "ip saddr 10.0.0.0/8 meta l4proto 50"],
])("an entry for %s", (_, more, match) => {
  const last = (direction: string) => `counter goto denied comment "acl-1 ${direction} *"`;
  const chains = (given: Partial<AclRule>) =>
    aclTableOf(network([entry(given)], port("a", "subnet-1"))).chains;
  expect(chains(more).get("ingress_acl-1")).toEqual([
    `${match} counter return comment "acl-1 ingress 100"`,
    last("ingress"),
  ]);
  expect(chains(more).get("egress_acl-1")).toEqual([last("egress")]);
  expect(chains({ ...more, egress: true, allows: false }).get("egress_acl-1")).toEqual([
    `${match.replace("saddr", "daddr")} counter goto denied comment "acl-1 egress 100"`,
    last("egress"),
  ]);
});

it("asks entries by number, in whichever order they were made, and the last one last", () => {
  const rules = [32_767, 90, 100, 1].map((number) => entry({ number, allows: number !== 32_767 }));
  const lines = aclTableOf(network(rules, port("a", "subnet-1"))).chains.get("ingress_acl-1") ?? [];
  expect(lines.map((line) => / (\S+)"$/.exec(line)?.[1])).toEqual(["1", "90", "100", "32767", "*"]);
});

it("leads to the ACL what leaves or enters its subnet, and nothing within it", () => {
  const ports = [port("a", "subnet-1"), port("b", "subnet-1"), port("c", "subnet-2"), port("d")];
  const { sets, chains } = aclTableOf(network([], ...ports));
  expect([...(sets.get("leaving")?.elements ?? [])]).toEqual([
    '"a" : jump leave_subnet-1',
    '"b" : jump leave_subnet-1',
  ]);
  expect([...(sets.get("ports_subnet-1")?.elements ?? [])]).toEqual(['"a"', '"b"']);
  expect(chains.get("leave_subnet-1")).toEqual(["oifname @ports_subnet-1 return", "goto egress_acl-1"]);
  expect(chains.get("enter_subnet-1")).toEqual(["iifname @ports_subnet-1 return", "goto ingress_acl-1"]);
  // Neither one whose ACL is gone, nor an interface of no subnet.
  expect([...sets.keys(), ...chains.keys()].filter((name) => name.includes("subnet-2"))).toEqual([]);
});

it("replaces the entries of one ACL in one transaction, and nothing else", () => {
  const before = tableOf(network([entry({})], port("a", "subnet-1")));
  const after = tableOf(network([entry({ allows: false })], port("a", "subnet-1")));
  expect(tableDifference(before, after).split("\n")).toEqual([
    "flush chain inet vpc ingress_acl-1",
    'add rule inet vpc ingress_acl-1 ip saddr 10.0.0.0/8 counter goto denied comment "acl-1 ingress 100"',
    'add rule inet vpc ingress_acl-1 counter goto denied comment "acl-1 ingress *"',
    "",
  ]);
});
