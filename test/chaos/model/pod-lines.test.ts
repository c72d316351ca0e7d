import { describe, expect, test } from "vitest";
import { differences } from "./lines.ts";
import type { Mode, Operation } from "./operation.ts";
import { outcomesOf } from "./outcome.ts";
import { podLines } from "./pod-lines.ts";
import { type Sandbox, VLAN_IDS } from "./pool.ts";
import { type World, newWorld } from "./world.ts";

const around = { trunkIndex: 3, usual: { loopback: {}, device: { "ipv4/rp_filter": "0" } } };
/** Branches of IPv4 alone and of IPv6 alone, both on VLAN 4. */
const [IPV4, IPV6] = [3 + VLAN_IDS, 3 + 2 * VLAN_IDS];

function add(mode: Mode, eni: number, more: Partial<Sandbox> = {}): Operation {
  const sandbox = { id: 1, pod: 1, incarnation: 0, families: [4] as const, netns: "sb-1", ...more };
  return { op: "add", sandbox, eni, mode, network: "chaos" };
}

function after(...operations: readonly Operation[]): World {
  return operations.reduce((world, operation) => outcomesOf(world, operation)[0]?.world ?? world, newWorld());
}

function linesOf(world: World): readonly string[] {
  const state = world.sandboxes[1];
  const lines = state === undefined ? undefined : podLines(world, state, around);
  if (lines === undefined) throw new Error("not known");
  return lines.required;
}

/** Without what every namespace has. */
function own(world: World): string[] {
  const shared = differences(
    { required: [], optional: linesOf(after(plain, { op: "unplug", sandbox: 1 })) },
    linesOf(world),
  );
  return shared.map((line) => line.slice(2)).sort();
}

const plain: Operation = { ...add("direct", IPV4), broken: true } as Operation;

const primary = [
  "address 10.1.0.1/32 dev eth0 scope global",
  "link eth0 veth mac 02:0f:00:00:00:01 mtu 9001 up",
  "neighbour 169.254.1.1 lladdr 02:0e:00:00:00:01 dev eth0 permanent",
  "route 4 table main unicast 169.254.1.1 dev eth0 proto boot scope link",
  "route 4 table main unicast default via 169.254.1.1 dev eth0 proto boot scope global",
  "sysctl ipv4/conf/eth0/rp_filter = 0",
];

describe("a pod's namespace", () => {
  test("as the primary left it", () => {
    expect(own(after(plain))).toEqual(primary);
  });

  // The README's picture: eth0 is the branch, host0 is for the node, Services and agents.
  test("direct", () => {
    const services = [
      "10.0.0.10",
      "169.254.0.0/16",
      "169.254.169.254",
      "169.254.170.23",
      "169.254.20.10",
      "172.20.0.0/16",
    ];
    expect(own(after(add("direct", IPV4)))).toEqual(
      [
        "link eth0 vlan id 4 on #3 mac 02:b1:00:00:00:13 mtu 9001 up",
        "address 10.0.1.20/16 dev eth0 scope global",
        "route 4 table main unicast 10.0.0.0/16 dev eth0 src 10.0.1.20 proto kernel scope link",
        "route 4 table main unicast default via 10.0.0.1 dev eth0 proto static scope global",
        "route 4 table main unicast 169.254.169.0/24 via 10.0.0.1 dev eth0 proto static scope global",
        "route 4 table main unreachable default metric 4294967295 proto static scope global",
        "route 4 table main unreachable 169.254.169.0/24 metric 4294967295 proto static scope global",
        "link host0 veth mac 02:0f:00:00:00:01 mtu 9001 up",
        "address 10.1.0.1/32 dev host0 scope global",
        "neighbour 169.254.1.1 lladdr 02:0e:00:00:00:01 dev host0 permanent",
        "route 4 table main unicast 169.254.1.1 dev host0 proto static scope link",
        ...services.map(
          (to) =>
            `route 4 table main unicast ${to} via 169.254.1.1 dev host0 src 10.1.0.1 proto static scope global`,
        ),
        "rule 4 1536: from 10.1.0.1 lookup 104 proto unspec",
        "route 4 table 104 unicast 169.254.1.1 dev host0 proto boot scope link",
        "route 4 table 104 unicast default via 169.254.1.1 dev host0 proto boot scope global",
        "sysctl ipv4/conf/eth0/rp_filter = 2",
        "sysctl ipv4/conf/host0/rp_filter = 1",
      ].sort(),
    );
  });

  test("routed: the primary's interface with the branch's address, in either mode", () => {
    const lines = own(after(add("strict", IPV4)));
    expect(lines).toEqual(
      primary
        .map((line) => line.replace("10.1.0.1/32", "10.0.1.20/32").replace("proto boot", "proto static"))
        .sort(),
    );
    expect(own(after(add("standard", IPV4)))).toEqual(lines);
  });

  test("IPv6 that the runtime switched off: on for a branch that has it, and off again after DEL", () => {
    const off = { withoutIpv6: true } as const;
    const loopback = "address ::1/128 dev lo scope host";
    expect(linesOf(after(add("standard", IPV4, off)))).not.toContain(loopback);
    expect(linesOf(after(add("standard", IPV6, off)))).toContain(loopback);
    expect(linesOf(after(add("standard", IPV6, off), { op: "del", sandbox: 1 }))).not.toContain(loopback);
  });

  test("direct, when the trunk was down: the device is up again, its address is there, its default is not", () => {
    const world = after(add("direct", IPV4), { op: "trunk", up: false }, { op: "trunk", up: true });
    const lost = differences({ required: linesOf(after(add("direct", IPV4))), optional: [] }, linesOf(world));
    expect(lost).toEqual([
      "- route 4 table main unicast default via 10.0.0.1 dev eth0 proto static scope global",
      "- route 4 table main unicast 169.254.169.0/24 via 10.0.0.1 dev eth0 proto static scope global",
    ]);
    const six = after(add("direct", IPV6), { op: "trunk", up: false }, { op: "trunk", up: true });
    expect(linesOf(six).filter((line) => line.includes("2001:db8:1::123"))).toEqual([]);
  });

  test("without its veth: of a direct one the branch, of a routed one nothing", () => {
    const unplug: Operation = { op: "unplug", sandbox: 1 };
    expect(own(after(add("standard", IPV4), unplug))).toEqual([]);
    expect(own(after(add("direct", IPV4), unplug)).filter((line) => line.startsWith("link "))).toEqual([
      "link eth0 vlan id 4 on #3 mac 02:b1:00:00:00:13 mtu 9001 up",
    ]);
  });

  test("is not known while a killed call may have left anything in it", () => {
    const [loose] = outcomesOf(after(add("direct", IPV4)), { op: "del", sandbox: 1 }, true);
    const state = loose?.world.sandboxes[1];
    if (loose === undefined || state === undefined) throw new Error("no outcome");
    expect(podLines(loose.world, state, around)).toBeUndefined();
  });

  test.each(["direct", "standard"] as const)(
    "nor when a %s one lost all that it is told by before DEL",
    (mode) => {
      const [loose] = outcomesOf(after(add(mode, IPV4)), { op: "del", sandbox: 1 }, true);
      const [unplugged] = outcomesOf(loose?.world ?? after(), { op: "unplug", sandbox: 1 });
      const [last] = outcomesOf(unplugged?.world ?? after(), { op: "del", sandbox: 1 });
      const state = last?.world.sandboxes[1];
      if (last === undefined || state === undefined) throw new Error("no outcome");
      expect(last.world.attachments).toEqual([]);
      expect(podLines(last.world, state, around)).toBeUndefined();
    },
  );

  test.each([
    { ipv6: "on", more: {}, isKnown: true },
    { ipv6: "off", more: { withoutIpv6: true } as const, isKnown: false },
  ])("a whole routed one without its interface, IPv6 $ipv6 before: known $isKnown", ({ more, isKnown }) => {
    const operations = [add("standard", IPV4, more), { op: "unplug", sandbox: 1 }, { op: "del", sandbox: 1 }];
    const world = after(...(operations as Operation[]));
    const state = world.sandboxes[1];
    expect(state && podLines(world, state, around) !== undefined).toBe(isKnown);
  });
});
