import { describe, expect, it } from "vitest";
import { agents, groups, lists, members, ports, pods } from "./cast.ts";
import { CALLS, worldOf } from "./generate.ts";
import { sourcePortsOf } from "./source-ports.ts";
import { emptyWorld, type Call, type World } from "./world.ts";

const worlds = Array.from({ length: 1000 }, (_, i) => worldOf(i + 1));

it("a seed's world is always the same, and others are others", () => {
  expect(worldOf(7)).toEqual(worlds[6]);
  expect(new Set(worlds.map((world) => JSON.stringify(world))).size).toBe(worlds.length);
});

describe("each world", () => {
  it("has as many calls as it should, of ports that are served", () => {
    for (const { calls } of worlds) {
      expect(calls).toHaveLength(CALLS);
      expect(calls.every(({ port }) => ports.includes(port))).toBe(true);
    }
  });

  it("is within EC2's quotas", () => {
    for (const { rules, groupsOf, acls } of worlds) {
      expect(Object.keys(groupsOf)).toEqual(members);
      expect(Math.max(...Object.values(groupsOf).map(({ length }) => length))).toBeLessThanOrEqual(5);
      for (const group of groups) {
        for (const isEgress of [true, false]) {
          const own = rules.filter((rule) => rule.group === group && rule.isEgress === isEgress);
          // A rule for a list counts as many as the list may have entries (cloud.ts).
          const counted = own.reduce((sum, { peer }) => sum + ("list" in peer ? 8 : 1), 0);
          expect(counted).toBeLessThanOrEqual(60);
        }
      }
      for (const entries of Object.values(acls)) {
        for (const isEgress of [true, false]) {
          const numbers = entries.filter((entry) => entry.isEgress === isEgress).map(({ number }) => number);
          expect(new Set(numbers).size).toBe(numbers.length);
          expect(numbers.length).toBeLessThan(20);
        }
      }
    }
  });
});

describe("all worlds together have", () => {
  const calls = worlds.flatMap((world) => world.calls);
  const rules = worlds.flatMap((world) => world.rules);

  it("calls of each kind, from and to pods of all kinds", () => {
    for (const attachment of ["none", "direct", "routed standard", "routed strict"] as const) {
      const names = pods.filter((pod) => pod.attachment === attachment).map(({ name }) => name);
      for (const by of ["address", "service"] as const) {
        for (const protocol of ["tcp", "udp", "icmp"] as const) {
          for (const family of [4, 6] as const) {
            const such = calls.filter(
              (call) => call.by === by && call.protocol === protocol && call.family === family,
            );
            expect(such.filter(({ from }) => names.includes(from)).length).toBeGreaterThan(20);
            expect(such.filter(({ to }) => names.includes(to)).length).toBeGreaterThan(20);
          }
        }
      }
    }
    for (const name of Object.keys(agents))
      expect(calls.filter(({ to }) => to === name).length).toBeGreaterThan(20);
    expect(calls.filter(({ from, to, by }) => by === "service" && from === to).length).toBeGreaterThan(100);
  });

  it("rules of each kind", () => {
    const peers = rules.map(({ peer }) => peer);
    expect(peers.filter((peer) => "list" in peer).length).toBeGreaterThan(1000);
    expect(peers.filter((peer) => "block" in peer).length).toBeGreaterThan(1000);
    expect(rules.filter(({ group, peer }) => "group" in peer && peer.group === group).length).toBeGreaterThan(
      500,
    );
    const isMutual = ({ rules: own }: World) =>
      own.some(
        ({ group, peer }) =>
          "group" in peer &&
          peer.group !== group &&
          own.some(
            (other) => other.group === peer.group && "group" in other.peer && other.peer.group === group,
          ),
      );
    expect(worlds.filter(isMutual).length).toBeGreaterThan(100);
    for (const name of Object.keys(lists))
      expect(worlds.some((world) => (world.lists[name] ?? []).length > 1)).toBe(true);
  });
});

describe("ports that a call is tried from", () => {
  const call: Call = { from: "direct1n1", to: "db", by: "address", family: 4, protocol: "tcp", port: 80 };
  const empty = emptyWorld(call);
  const entry = (from: number, to: number) =>
    ({
      number: 1,
      isEgress: true,
      allows: true,
      protocol: "6",
      range: [from, to],
      block: { everybody: 4 },
    }) as const;
  const among = (from: number, to: number, of = call) =>
    sourcePortsOf({ ...empty, acls: { data: [entry(from, to)] } }, of);

  it("are the kernel's where no ACL tells them apart", () => {
    expect(sourcePortsOf(empty, call)).toEqual([undefined]);
    expect(among(80, 80)).toEqual([undefined]);
    expect(among(1024, 65_535)).toEqual([undefined]);
    expect(among(40_000, 50_000, { ...call, protocol: "icmp" })).toEqual([undefined]);
  });

  it("are one of each part", () => {
    expect(among(40_000, 50_000)).toEqual([32_768, 40_000, 40_001, 50_000, 50_001]);
    expect(among(32_768, 49_999)).toEqual([32_768, 32_769, 49_999, 50_000]);
  });

  it("are all that a node's NAT may choose, but those that are served", () => {
    const outside = { ...call, from: "plain1n1", to: "web" };
    expect(among(32_768, 60_999, outside)).toEqual([1024, 32_768, 32_769, 60_999, 61_000]);
    expect(among(5432, 5433, outside)).toEqual([1024, 5433, 5434]);
    // n2 does none.
    expect(among(1024, 65_535, { ...outside, from: "plain1n2" })).toEqual([undefined]);
    expect(among(40_000, 65_535, { ...outside, by: "service", from: "standard1n1" })).toEqual([
      32_768, 40_000, 40_001,
    ]);
  });
});
