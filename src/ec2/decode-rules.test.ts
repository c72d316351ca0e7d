import { expect, test } from "vitest";
import { readNetworkAcl, readRouteTable } from "./decode-rules.ts";

const entry = { RuleNumber: 100, Egress: false, RuleAction: "allow", CidrBlock: "0.0.0.0/0" } as const;

test.each<[string, object, number | undefined, number | undefined]>([
  ["ports of TCP", { Protocol: "6", PortRange: { From: 80, To: 90 } }, 80, 90],
  ["ports of UDP", { Protocol: "17", PortRange: { From: 53, To: 53 } }, 53, 53],
  ["a type and a code", { Protocol: "1", IcmpTypeCode: { Type: 3, Code: 4 } }, 3, 4],
  ["an echo request, whose code is 0", { Protocol: "1", IcmpTypeCode: { Type: 8, Code: 0 } }, 8, 0],
  ["any code", { Protocol: "58", IcmpTypeCode: { Type: 128, Code: -1 } }, 128, undefined],
  ["any type", { Protocol: "1", IcmpTypeCode: { Type: -1, Code: -1 } }, undefined, undefined],
  ["ICMPv6 with an IPv4 block, which is all of it", { Protocol: "58" }, undefined, undefined],
  [
    "ports of all protocols, which do not count",
    { Protocol: "-1", PortRange: { From: 1, To: 2 } },
    undefined,
    undefined,
  ],
  [
    "a type beside ports",
    { Protocol: "6", PortRange: { From: 1, To: 2 }, IcmpTypeCode: { Type: 8, Code: 0 } },
    1,
    2,
  ],
])("an ACL's entry has %s", (_, more, fromPort, toPort) => {
  const [read] = readNetworkAcl({ Entries: [{ ...entry, ...more }] }).entries;
  expect(read).toMatchObject({ number: 100, isEgress: false, allows: true, fromPort, toPort });
});

test("an ACL's entries come by number, whatever their direction and family", () => {
  const last = { ...entry, RuleNumber: 32_767, RuleAction: "deny", Protocol: "-1" } as const;
  const { entries } = readNetworkAcl({
    Entries: [last, { ...last, RuleNumber: 99, Egress: true, CidrBlock: undefined, Ipv6CidrBlock: "::/0" }],
  });
  expect(entries.map(({ number, isEgress, cidr, allows }) => [number, isEgress, cidr, allows])).toEqual([
    [99, true, "::/0", false],
    [32_767, false, "0.0.0.0/0", false],
  ]);
});

test("a route's target is whichever it has, a black hole is not active", () => {
  const { routes, isMain, subnets } = readRouteTable({
    Associations: [{ Main: true }, { Main: false, SubnetId: "subnet-1" }],
    Routes: [
      { DestinationCidrBlock: "10.0.0.0/16", GatewayId: "local", State: "active" },
      { DestinationPrefixListId: "pl-1", NatGatewayId: "nat-1", State: "active" },
      {
        DestinationIpv6CidrBlock: "::/0",
        InstanceId: "i-1",
        NetworkInterfaceId: "eni-1",
        State: "blackhole",
      },
    ],
  });
  expect({ isMain, subnets }).toEqual({ isMain: true, subnets: ["subnet-1"] });
  expect(routes).toEqual([
    { destination: "10.0.0.0/16", target: "local", isActive: true },
    { destination: "pl-1", target: "nat-1", isActive: true },
    { destination: "::/0", target: "eni-1", isActive: false },
  ]);
});
