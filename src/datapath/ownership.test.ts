import { describe, expect, it } from "vitest";
import type { IpFamily } from "../values/ip.ts";
import type { Link } from "../netlink/route/link.ts";
import { type Route, anyDestination, newRoute } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { Operation } from "./operation.ts";
import { lastResortStep } from "./steps.ts";
import { type Standing, hasNextOwner, withoutOthers } from "./ownership.ts";

const TRUNK = 3;
const VETH = 9;
const VLAN = 20;
const OTHER_VETH = 12;
const B = { 4: "10.0.0.20", 6: "2001:db8:1::20" } as const;

const owner = {
  vlanId: 8,
  mac: "02:b1:00:00:00:08",
  addresses: [B[4], B[6]],
  trunk: TRUNK,
  veth: VETH,
};

const device: Link = {
  index: VLAN,
  name: "vlan.eth.8",
  up: true,
  mac: owner.mac,
  mtu: 9001,
  kind: "vlan",
  linkIndex: TRUNK,
  vlan: { id: 8 } as NonNullable<Link["vlan"]>,
  rest: [],
};
const theirs = { ...device, index: 30, mac: "02:b1:00:00:00:99" };

const toPod = (family: IpFamily, table: number, veth: number, address: string = B[family]): Route =>
  newRoute({ family, destination: address, length: family === 4 ? 32 : 128, table, device: veth });
const out = (index: number): Route =>
  newRoute({ ...anyDestination(4), gateway: "10.0.0.1", table: 108, device: index });
const lastResort = (family: IpFamily): Route => {
  const { do: operation } = lastResortStep("node", family, 108);
  if (operation.kind !== "route") throw new Error("no route");
  return { ...operation.route, ...(family === 6 && { device: 1 }) };
};

const standing = (fields: Partial<Standing>): Standing => ({
  table: [],
  toPod: [],
  indexes: new Map(),
  ...fields,
});

describe("whether a VLAN id is another branch's by now", () => {
  it.each<{ what: string; there: Partial<Standing>; is: boolean }>([
    { what: "nothing is there", there: {}, is: false },
    { what: "its own device", there: { device }, is: false },
    {
      what: "its own device and routes",
      there: { device, table: [out(VLAN), toPod(4, 108, VETH), lastResort(4), lastResort(6)] },
      is: false,
    },
    { what: "another MAC", there: { device: theirs }, is: true },
    { what: "another trunk", there: { device: { ...device, linkIndex: 4 } }, is: true },
    {
      what: "another VLAN id under that name",
      there: { device: { ...device, vlan: { id: 9 } as NonNullable<Link["vlan"]> } },
      is: true,
    },
    { what: "no VLAN device", there: { device: { ...device, vlan: undefined as never } }, is: true },
    {
      what: "the same ENI, and its table leads to another pod",
      there: { device: { ...device, index: 30 }, table: [out(30), toPod(4, 108, OTHER_VETH)] },
      is: true,
    },
    {
      what: "the table alone leads to another pod: its device is being made",
      there: { table: [toPod(6, 108, OTHER_VETH)] },
      is: true,
    },
  ])("$what: $is", ({ there, is }) => {
    expect(hasNextOwner(owner, standing(there))).toBe(is);
  });
});

const rule = (fields: Partial<Rule>): Operation => ({
  kind: "rule",
  at: "node",
  rule: { family: 4, priority: 10, table: 108, ...fields },
  absent: true,
});
const vlan: Operation = {
  kind: "vlan",
  at: "node",
  vlan: { name: "vlan.eth.8", vlanId: 8, mac: owner.mac, mtu: 9001, trunk: TRUNK },
  absent: true,
};
const route = (by: number | string | undefined, one: Route): Operation => {
  const { device: _, ...rest } = one;
  return { kind: "route", at: "node", ...(by !== undefined && { device: by }), route: rest, absent: true };
};
const inPod: Operation = { kind: "sysctl", at: "pod", key: "ipv6/conf/eth0/disable_ipv6", value: "1" };
const primaryAgain: Operation = {
  kind: "rule",
  at: "node",
  rule: { family: 4, priority: 512, table: 254, to: { address: "10.0.0.50", length: 32 } },
};
const branch = { address: B[4], length: 32 };

const strict = {
  device: rule({ inputDevice: "vlan.eth.8" }),
  veth: rule({ inputDevice: "eni1" }),
  toPod: route(VETH, toPod(4, 108, VETH)),
  out: route("vlan.eth.8", out(VLAN)),
  lastResort: route(undefined, lastResort(4)),
  down: { kind: "link", at: "node", device: "vlan.eth.8", up: false } as Operation,
  vlan,
  inPod,
  primaryAgain,
};
const standard = {
  from: rule({ priority: 1536, from: branch }),
  to: rule({ priority: 512, table: 254, to: branch }),
  toPod: route(VETH, toPod(4, 254, VETH)),
  out: strict.out,
  vlan,
};

const kept = (operations: Readonly<Record<string, Operation>>, there: Partial<Standing>): string[] => {
  const all: readonly Operation[] = Object.values(operations);
  const left = withoutOthers(all, owner, standing(there));
  return Object.keys(operations).filter((key) => left.some((operation) => operation === operations[key]));
};

describe("what a DEL takes back", () => {
  it("is all of it while what stands there is its own, or nothing", () => {
    const own = { device, table: [out(VLAN), toPod(4, 108, VETH)], indexes: new Map([["eni1", VETH]]) };
    expect(kept(strict, own)).toEqual(Object.keys(strict));
    expect(kept(strict, {})).toEqual(Object.keys(strict));
    expect(kept(standard, { device, toPod: [toPod(4, 254, VETH)] })).toEqual(Object.keys(standard));
  });

  it("strict, when aws-cni's pod has the id: only what is known by the old veth, and what is in the pod", () => {
    const table = [out(theirs.index), toPod(4, 108, OTHER_VETH, "10.0.0.77")];
    expect(kept(strict, { device: theirs, table, indexes: new Map([["eni1", VETH]]) })).toEqual([
      "veth",
      "toPod",
      "lastResort",
      "inPod",
      "primaryAgain",
    ]);
    // The old pod's veth is gone: its rule would take hold of the next device of that name.
    expect(kept(strict, { device: theirs, table })).toContain("veth");
  });

  it("strict, when aws-cni's standard pod has the id: the rule by the device's name as well", () => {
    expect(kept(strict, { device: theirs, table: [out(theirs.index)] })).toEqual([
      "device",
      "veth",
      "toPod",
      "lastResort",
      "inPod",
      "primaryAgain",
    ]);
  });

  it("leaves a rule by the veth's name to the pod that has the name and the id by now", () => {
    const table = [out(theirs.index), toPod(4, 108, OTHER_VETH, "10.0.0.77")];
    const indexes = new Map([["eni1", OTHER_VETH]]);
    expect(kept(strict, { device: theirs, table, indexes })).not.toContain("veth");
    // The name is a third pod's: there the rule leads to the wrong table.
    expect(kept(strict, { device: theirs, table, indexes: new Map([["eni1", 77]]) })).toContain("veth");
  });

  it("standard, when aws-cni's pod has the id: the rules of its own address", () => {
    expect(kept(standard, { device: theirs })).toEqual(["from", "to", "toPod"]);
  });

  it("standard, when the next pod has id and address: nothing but the route by its own veth", () => {
    expect(kept(standard, { device: theirs, toPod: [toPod(4, 254, OTHER_VETH)] })).toEqual(["toPod"]);
  });

  it("standard, when the next pod has the address by another id: not the rule that is the same for both", () => {
    const there = { device, toPod: [toPod(4, 254, OTHER_VETH)], isElsewhere: true };
    expect(kept(standard, there)).toEqual(["from", "toPod", "out", "vlan"]);
  });

  it("standard, when aws-cni has attached the same ENI in a new sandbox: nothing but the route by its own veth", () => {
    const there = { device, toPod: [toPod(4, 254, OTHER_VETH)], isElsewhere: false };
    expect(kept(standard, there)).toEqual(["toPod"]);
  });
});
