import { describe, expect, it } from "vitest";
import { addAddress, type NewAddress } from "../netlink/route/address.ts";
import { RouteMessage, RouteType, Scope } from "../netlink/route/constants.ts";
import type { Link } from "../netlink/route/link.ts";
import { type NewNeighbour, replaceNeighbour } from "../netlink/route/neighbour.ts";
import { type Route, anyDestination, newRoute, replaceRoute } from "../netlink/route/route.ts";
import { type Rule, addRule, describeRule } from "../netlink/route/rule.ts";
import type { Request } from "../netlink/socket.ts";
import type { Kernel } from "./kernel.ts";
import type { Device, Operation, Step } from "./operation.ts";
import { lastResortStep } from "./steps.ts";
import { verify } from "./verify.ts";

/** What a place has: the kernel answers a dump with the messages that would make it. */
interface Contents {
  readonly links: readonly Link[];
  readonly addresses: readonly NewAddress[];
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  readonly neighbours: readonly NewNeighbour[];
  readonly sysctls: Readonly<Record<string, string>>;
}

function kernelOf(contents: Contents): Kernel {
  const dump = ({ type }: Request) => {
    const requests = {
      [RouteMessage.GETADDR]: contents.addresses.map(addAddress),
      [RouteMessage.GETROUTE]: contents.routes.map(replaceRoute),
      [RouteMessage.GETRULE]: contents.rules.map(addRule),
      [RouteMessage.GETNEIGH]: contents.neighbours.map(replaceNeighbour),
    }[type];
    return requests?.map(({ payload }) => ({ payload })) ?? [];
  };
  const fake = {
    link: (_at: string, device: Device) =>
      contents.links.find(({ index, name }) => index === device || name === device),
    socket: () => ({ dump }),
    readSysctl: (_at: string, key: string) => contents.sysctls[key],
  };
  return fake as unknown as Kernel;
}

const eth0: Link = {
  index: 5,
  name: "eth0",
  up: true,
  mac: "02:b1:00:00:00:07",
  mtu: 9001,
  kind: "vlan",
  linkIndex: 3,
  vlan: { id: 7 } as NonNullable<Link["vlan"]>,
  rest: [],
};
const host0: Link = { index: 2, name: "host0", up: true, mtu: 9001, kind: "veth", rest: [] };
const viaBranch = newRoute({ ...anyDestination(4), gateway: "10.0.0.1", device: 5 });
const own: Rule = { family: 4, priority: 1536, table: 107, from: { address: "10.0.0.50", length: 32 } };

const good: Contents = {
  links: [eth0, host0],
  addresses: [{ index: 5, address: "10.0.0.20", prefixLength: 24, scope: Scope.UNIVERSE, flags: 0 }],
  routes: [viaBranch],
  rules: [own],
  neighbours: [{ address: "169.254.1.1", mac: "02:bb:00:00:00:01", device: 2 }],
  sysctls: { "ipv4/conf/eth0/rp_filter": "2", "ipv6/conf/vlan.eth.7/forwarding": "0" },
};

const { device: _device, ...defaultRoute } = viaBranch;
const operations: readonly Operation[] = [
  { kind: "link", at: "pod", device: 2, up: false },
  { kind: "link", at: "pod", device: 2, name: "host0" },
  { kind: "link", at: "pod", device: 2, up: true },
  { kind: "rule", at: "pod", rule: own },
  {
    kind: "neighbour",
    at: "pod",
    device: 2,
    neighbour: { address: "169.254.1.1", mac: "02:bb:00:00:00:01" },
  },
  {
    kind: "vlan",
    at: "pod",
    vlan: { name: "branchline7", vlanId: 7, mac: "02:b1:00:00:00:07", mtu: 9001, trunk: 3 },
  },
  { kind: "link", at: "pod", device: "branchline7", name: "eth0" },
  { kind: "sysctl", at: "pod", key: "ipv4/conf/eth0/rp_filter", value: "2" },
  { kind: "sysctl", at: "node", key: "ipv6/conf/vlan.eth.7/forwarding", value: "0" },
  { kind: "sysctl", at: "node", key: "ipv6/conf/vlan.eth.7/accept_ra", value: "0", optional: true },
  {
    kind: "address",
    at: "pod",
    device: "eth0",
    address: { address: "10.0.0.20", prefixLength: 24, scope: Scope.UNIVERSE, flags: 0 },
  },
  { kind: "link", at: "pod", device: "eth0", up: true },
  { kind: "route", at: "pod", device: "eth0", route: defaultRoute },
  // What was taken away is not looked for.
  { kind: "rule", at: "node", rule: { family: 4, priority: 512, table: 107 }, absent: true },
];
const steps: readonly Step[] = operations.map((operation) => ({ do: operation, undo: [] }));

const differences = (contents: Partial<Contents>) => verify(kernelOf({ ...good, ...contents }), steps);

describe("verify", () => {
  it("has nothing to say of what is as it was made, devices under their last names", () => {
    expect(differences({})).toEqual([]);
  });

  it.each<[string, Partial<Contents>, string[]]>([
    [
      "VLAN id",
      { links: [{ ...eth0, vlan: { ...eth0.vlan, id: 8 } as never }, host0] },
      ["eth0 has VLAN id 8 instead of 7"],
    ],
    ["parent", { links: [{ ...eth0, linkIndex: 4 }, host0] }, ["eth0 has parent 4 instead of 3"]],
    [
      "MAC",
      { links: [{ ...eth0, mac: "02:00:00:00:00:01", mtu: 1500 }, host0] },
      ["eth0 has MAC 02:00:00:00:00:01 instead of 02:b1:00:00:00:07"],
    ],
    [
      "kind",
      { links: [{ ...eth0, vlan: undefined as never, kind: "dummy" }, host0] },
      ["eth0 is not a VLAN device but dummy"],
    ],
    ["down", { links: [{ ...eth0, up: false }, host0] }, ["eth0 is down"]],
    ["primary down", { links: [eth0, { ...host0, up: false }] }, ["host0 is down"]],
    ["primary's name", { links: [eth0, { ...host0, name: "node0" }] }, ["host0 is called node0"]],
  ])("names a device's %s", (_what, contents, expected) => {
    expect(differences(contents)).toEqual(expected.map((line) => `in the pod: device ${line}`));
  });

  it("names the branch by its last name when it is missing, and what was on it", () => {
    expect(differences({ links: [host0] })).toEqual([
      "in the pod: device eth0 is missing",
      "in the pod: address 10.0.0.20/24 is missing on device eth0",
      expect.stringContaining('in the pod: route "default via 10.0.0.1 dev eth0" is missing'),
    ]);
  });

  it("names a primary that is gone by its name, once", () => {
    expect(differences({ links: [eth0] }).filter((line) => line.includes("host0"))).toEqual([
      "in the pod: device host0 is missing",
    ]);
  });

  it("finds a route that is gone, leads elsewhere, or has a rival of any metric", () => {
    const elsewhere = newRoute({ ...anyDestination(4), gateway: "169.254.1.1", device: 2 });
    const text = 'in the pod: route "default via 10.0.0.1 dev eth0"';
    expect(differences({ routes: [] })).toEqual([`${text} is missing`]);
    expect(differences({ routes: [elsewhere] })).toEqual([
      `${text} is missing; there is "default via 169.254.1.1 dev host0"`,
    ]);
    expect(differences({ routes: [viaBranch, { ...elsewhere, priority: 5 }] })).toEqual([
      `${text} has another beside it: "default via 169.254.1.1 dev host0"`,
    ]);
  });

  it.each<[string, Partial<Contents>, string]>([
    ["a rule", { rules: [] }, 'rule "1536: from 10.0.0.50/32 lookup 107" is missing'],
    [
      "a rule of another priority",
      { rules: [{ ...own, priority: 100 }] },
      'rule "1536: from 10.0.0.50/32 lookup 107" is missing',
    ],
    [
      "a rule that asks for more",
      { rules: [{ ...own, inputDevice: "eth0" }] },
      'rule "1536: from 10.0.0.50/32 lookup 107" is missing',
    ],
    ["an address", { addresses: [] }, "address 10.0.0.20/24 is missing on device eth0"],
    [
      "a neighbour",
      { neighbours: [] },
      "permanent neighbour 169.254.1.1 (02:bb:00:00:00:01) is missing on device host0",
    ],
    [
      "a neighbour's MAC",
      { neighbours: [{ address: "169.254.1.1", mac: "02:cc:00:00:00:01", device: 2 }] },
      "permanent neighbour 169.254.1.1 (02:bb:00:00:00:01) is missing on device host0",
    ],
  ])("finds %s", (_what, contents, line) => {
    expect(differences(contents)).toEqual([`in the pod: ${line}`]);
  });

  it.each<[string, Record<string, string>, string]>([
    ["a sysctl", {}, "sysctl ipv6/conf/vlan.eth.7/forwarding is missing instead of 0"],
    [
      "a sysctl's value",
      { "ipv6/conf/vlan.eth.7/forwarding": "1" },
      "sysctl ipv6/conf/vlan.eth.7/forwarding is 1 instead of 0",
    ],
    [
      "an optional sysctl's value, if it is there",
      { "ipv6/conf/vlan.eth.7/forwarding": "0", "ipv6/conf/vlan.eth.7/accept_ra": "1" },
      "sysctl ipv6/conf/vlan.eth.7/accept_ra is 1 instead of 0",
    ],
  ])("finds on the node %s", (_what, sysctls, line) => {
    expect(differences({ sysctls })).toEqual([`on the node: ${line}`]);
  });

  it("leaves a sysctl in the pod to the plugins that come later", () => {
    const sysctls = { ...good.sysctls, "ipv4/conf/eth0/rp_filter": "1" };
    expect(differences({ sysctls })).toEqual([]);
  });

  it.each([
    { is: 1500, stated: undefined, says: [] },
    { is: 1500, stated: 1500, says: [] },
    { is: 9001, stated: 1500, says: ["in the pod: device eth0 has MTU 9001 instead of 1500"] },
    { is: 1500, stated: 9001, says: ["in the pod: device eth0 has MTU 1500 instead of 9001"] },
  ])("in the pod MTU $is where the chain's result states $stated", ({ is, stated, says }) => {
    const contents = { ...good, links: [{ ...eth0, mtu: is }, host0] };
    const later = stated === undefined ? {} : { mtu: stated };
    expect(verify(kernelOf(contents), steps, later)).toEqual(says);
  });

  it("judges the MTU of a device on the node by what it was made with", () => {
    const vlan = operations.find(({ kind }) => kind === "vlan");
    if (vlan?.kind !== "vlan") throw new Error("no device");
    const onNode = { ...vlan, at: "node", vlan: { ...vlan.vlan, name: "eth0" } } as const;
    const contents = { ...good, links: [{ ...eth0, mtu: 1500 }] };
    expect(verify(kernelOf(contents), [{ do: onNode, undo: [] }], { mtu: 1500 })).toEqual([
      "on the node: device eth0 has MTU 1500 instead of 9001",
    ]);
  });

  it("a second default by the branch is no way past it, and neither is one that refuses", () => {
    const second = newRoute({ ...anyDestination(4), gateway: "10.0.0.99", device: 5, priority: 9 });
    const refusal = newRoute({ ...anyDestination(4), type: RouteType.UNREACHABLE, priority: 9 });
    expect(differences({ routes: [viaBranch, second, refusal] })).toEqual([]);
  });

  it.each([4, 6] as const)(
    "IPv%i's last resort of a table, wherever the kernel says that it leaves",
    (family) => {
      const last = lastResortStep("node", family, 107);
      if (last.do.kind !== "route") throw new Error("no route");
      const listed = { ...last.do.route, ...(family === 6 && { device: 1 }) };
      const way = newRoute({ ...anyDestination(family), table: 107, gateway: "fe80::1", device: 5 });
      const check = (routes: readonly Route[]) =>
        verify(kernelOf({ ...good, routes }), [last]).map((line) => line.replace(/ table.*"/, '"'));
      expect(check([listed])).toEqual([]);
      expect(check(family === 6 ? [way] : [])).toEqual([
        `on the node: route "unreachable ${family === 6 ? "::/0" : "default"}" is missing`,
      ]);
    },
  );

  it.each<[string, Rule, Rule]>([
    [
      "of the same input device",
      { family: 4, priority: 10, table: 108, inputDevice: "eni1" },
      { family: 4, priority: 10, table: 107, inputDevice: "eni1" },
    ],
    [
      "from the same address",
      { family: 4, priority: 1536, table: 108, from: { address: "10.0.0.20", length: 32 } },
      { family: 4, priority: 1536, table: 107, from: { address: "10.0.0.20", length: 32 } },
    ],
    [
      "to the same address, for all packets",
      { family: 4, priority: 512, table: 107, to: { address: "10.0.0.20", length: 32 }, inputDevice: "lo" },
      { family: 4, priority: 512, table: 254, to: { address: "10.0.0.20", length: 32 } },
    ],
  ])("a rule %s that leads elsewhere may come first", (_what, wanted, rival) => {
    const wants = (at: "node" | "pod"): Step[] => [{ do: { kind: "rule", at, rule: wanted }, undo: [] }];
    const kernel = kernelOf({ ...good, rules: [rival, wanted] });
    expect(verify(kernel, wants("node"))).toEqual([
      `on the node: rule "${describeRule(wanted)}" has another beside it: "${describeRule(rival)}"`,
    ]);
    // The pod's own rules are its plugins' affair.
    expect(verify(kernel, wants("pod"))).toEqual([]);
    const stranger = { ...rival, priority: rival.priority + 1 };
    expect(verify(kernelOf({ ...good, rules: [stranger, wanted] }), wants("node"))).toEqual([]);
  });

  it("the node's rule for another address by the same device is another pod's", () => {
    const rule = (last: number, table: number): Rule => ({
      family: 4,
      priority: 512,
      table,
      to: { address: `10.0.0.${last}`, length: 32 },
      inputDevice: "lo",
    });
    const kernel = kernelOf({ ...good, rules: [rule(21, 108), rule(20, 107)] });
    expect(verify(kernel, [{ do: { kind: "rule", at: "node", rule: rule(20, 107) }, undo: [] }])).toEqual([]);
  });
});
