import { expect, test } from "vitest";
import { devicesOf } from "./devices.ts";
import { emptyNetwork } from "./network.ts";

const linesOf = (...addresses: readonly string[]): string[] => {
  const mac = "02:00:00:00:00:01";
  const cable = { kind: "branch", trunk: "trunk", vlanId: 7 } as const;
  const port = { eni: "eni-1", device: "d", mac, addresses, groups: [], isChecked: true, cable };
  return [...devicesOf({ ...emptyNetwork, ports: new Map([["d", port]]) }, { pid: 1 }).entries.keys()];
};

test("the first address of a family is a neighbour, and the others and prefixes go to it", () => {
  expect(linesOf("10.0.0.4", "10.0.0.5", "2001:db8::4", "10.0.0.16/28", "2001:db8:0:0:7::/80")).toEqual([
    "route add 10.0.0.4/32 dev d",
    "neigh add 10.0.0.4 dev d lladdr 02:00:00:00:00:01 nud permanent",
    "route add 10.0.0.5/32 via 10.0.0.4 dev d onlink",
    "route add 10.0.0.16/28 via 10.0.0.4 dev d onlink",
    "route add 2001:db8::4/128 dev d",
    "neigh add 2001:db8::4 dev d lladdr 02:00:00:00:00:01 nud permanent",
    "route add 2001:db8:0:0:7::/80 via 2001:db8::4 dev d onlink",
  ]);
});

test("prefixes alone go to a neighbour of the router's own making", () => {
  expect(linesOf("2001:db8:0:0:7::/80")).toEqual([
    "neigh add fe80:ec2::2 dev d lladdr 02:00:00:00:00:01 nud permanent",
    "route add 2001:db8:0:0:7::/80 via fe80:ec2::2 dev d onlink",
  ]);
});
