import { describe, expect, it } from "vitest";
import { RouteMessage } from "../netlink/route/constants.ts";
import { type Route, newRoute, replaceRoute } from "../netlink/route/route.ts";
import { type Rule, addRule } from "../netlink/route/rule.ts";
import type { Request } from "../netlink/socket.ts";
import { isAbout } from "./claims.ts";
import { DatapathError } from "./error.ts";
import type { Kernel } from "./kernel.ts";
import { readRulesAbout } from "./read.ts";
import { requireNoRival } from "./rivals.ts";

const VETH = 9;
const B = { address: "10.0.0.20", length: 32 };
const B6 = { address: "2001:db8:1::20", length: 128 };
const claims = { table: 107, devices: ["eni1", "vlan.eth.7"], addresses: [B.address, B6.address] };

const rule = (fields: Partial<Rule>): Rule => ({ family: 4, priority: 10, table: 108, ...fields });

const rules: { what: string; rule: Rule; is: boolean }[] = [
  { what: "to the branch's table", rule: rule({ table: 107, inputDevice: "old" }), is: true },
  { what: "by the veth's name", rule: rule({ inputDevice: "eni1" }), is: true },
  { what: "by the VLAN device's name", rule: rule({ family: 6, inputDevice: "vlan.eth.7" }), is: true },
  { what: "by a name that begins like it", rule: rule({ inputDevice: "eni12" }), is: false },
  {
    what: "by the veth's name, of another priority",
    rule: rule({ priority: 5, inputDevice: "eni1" }),
    is: false,
  },
  { what: "from the address", rule: rule({ priority: 1536, from: B }), is: true },
  { what: "from the IPv6 address", rule: rule({ family: 6, priority: 1536, from: B6 }), is: true },
  { what: "to the address by main", rule: rule({ priority: 512, table: 254, to: B }), is: true },
  { what: "direct's", rule: rule({ priority: 512, to: B, inputDevice: "lo" }), is: true },
  {
    what: "to a network that holds the address",
    rule: rule({ priority: 512, to: { ...B, length: 24 } }),
    is: false,
  },
  {
    what: "to another address",
    rule: rule({ priority: 512, to: { ...B, address: "10.0.0.21" } }),
    is: false,
  },
  { what: "an administrator's from the address", rule: rule({ priority: 100, from: B }), is: false },
];

function kernelOf(contents: { rules?: readonly Rule[]; routes?: readonly Route[] }): Kernel {
  const dump = ({ type }: Request) =>
    type === RouteMessage.GETRULE
      ? (contents.rules ?? []).map((one) => ({ payload: addRule(one).payload }))
      : (contents.routes ?? []).map((one) => ({ payload: replaceRoute(one).payload }));
  const fake = {
    socket: () => ({
      dump: (request: Request) =>
        dump(request).filter(
          ({ payload }) => request.type === RouteMessage.GETRULE || payload[0] === request.payload[0],
        ),
    }),
    link: (_at: string, index: number) => ({ index, name: `eni${index}` }),
  };
  return fake as unknown as Kernel;
}

describe("a rule that takes hold of a branch's packets", () => {
  it.each(rules)("$what: $is", ({ rule: one, is }) => {
    expect(isAbout(one, claims)).toBe(is);
  });

  it("is found in the kernel's list without decoding the others", () => {
    const wanted = rules.filter(({ is }) => is).map((row) => row.rule);
    const all = rules.map((row) => row.rule);
    expect(readRulesAbout(kernelOf({ rules: all }), "node", claims)).toEqual(wanted);
  });
});

describe("the address of a pod that lives", () => {
  const way = (table: number, device: number, to = B) =>
    newRoute({ family: to === B ? 4 : 6, destination: to.address, length: to.length, table, device });
  const from = rule({ priority: 1536, from: B });

  it.each<{ what: string; one: Rule; route: Route }>([
    { what: "standard, by table main", one: from, route: way(254, 12) },
    {
      what: "standard, its other rule",
      one: rule({ priority: 512, table: 254, to: B }),
      route: way(254, 12),
    },
    { what: "direct", one: rule({ priority: 512, to: B, inputDevice: "lo" }), route: way(108, 12) },
    { what: "IPv6", one: rule({ family: 6, priority: 1536, from: B6 }), route: way(254, 12, B6) },
  ])("is not taken: $what", ({ one, route }) => {
    const check = () => requireNoRival(kernelOf({ routes: [route] }), [one], 107, VETH);
    expect(check).toThrow(DatapathError);
    expect(check).toThrow(/^address \S+ is held by another living pod: .* and a route by eni12 lead/);
  });

  it.each<{ what: string; one: Rule; routes: Route[] }>([
    { what: "no route leads to it any more", one: from, routes: [] },
    { what: "the route is by this pod's own veth", one: from, routes: [way(254, VETH)] },
    {
      what: "the rule leads to the branch's own table",
      one: { ...from, table: 107 },
      routes: [way(254, 12)],
    },
    { what: "the rule is about a device", one: rule({ inputDevice: "eni1" }), routes: [way(254, 12)] },
  ])("is free: $what", ({ one, routes }) => {
    expect(() => requireNoRival(kernelOf({ routes }), [one], 107, VETH)).not.toThrow();
  });
});
