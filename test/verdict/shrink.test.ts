import { expect, it } from "vitest";
import { node } from "../unit/network.ts";
import { reportOf } from "./report.ts";
import { worldOf } from "./generate.ts";
import { shrunk } from "./shrink.ts";
import type { World } from "./world.ts";

/** Has something of everything. */
const full = Array.from({ length: 50 }, (_, i) => worldOf(i + 1)).find(
  ({ rules, acls, policies }) =>
    rules.filter(({ peer }) => "group" in peer).length > 5 &&
    Object.values(acls)[0]?.length !== 0 &&
    Object.keys(acls).length > 1 &&
    policies.length > 1,
);
if (full === undefined) throw new Error("no world has everything");
const world = full;
const [call] = world.calls;
const [rule, ...others] = world.rules.filter(({ peer }) => "group" in peer);
if (call === undefined || rule === undefined) throw new Error("an empty world");

it("what is needed stays, and the rest goes", async () => {
  const wanted = others.at(-1);
  const fails = async (smaller: World) =>
    smaller.rules.includes(rule) &&
    wanted !== undefined &&
    smaller.rules.includes(wanted) &&
    smaller.groupsOf["n1"]?.length === world.groupsOf["n1"]?.length;
  expect(await shrunk(world, call, fails)).toEqual({
    rules: [rule, wanted],
    groupsOf: { n1: world.groupsOf["n1"] },
    lists: {},
    acls: {},
    demux: {},
    policies: [],
    calls: [call],
  });
});

it("an ACL without entries is not no ACL", async () => {
  const [subnet = ""] = Object.keys(world.acls);
  const closed = await shrunk(world, call, async ({ acls }) => acls[subnet] !== undefined);
  expect(closed.acls).toEqual({ [subnet]: [] });
  const entry = world.acls[subnet]?.at(-1);
  const one = await shrunk(
    world,
    call,
    async ({ acls }) => acls[subnet]?.includes(entry ?? ({} as never)) === true,
  );
  expect(one.acls).toEqual({ [subnet]: [entry] });
});

it("the search ends when the time is over, with what is left by then", async () => {
  let plays = 0;
  const left = await shrunk(
    world,
    call,
    async () => (plays += 1) > 0,
    () => plays >= 3,
  );
  expect(plays).toBe(3);
  expect(left.rules.length).toBeLessThan(world.rules.length);
});

it("a report has the call, both answers, and all of the world", () => {
  const small: World = { ...world, rules: [rule], policies: [], lists: {}, calls: [call] };
  const verdict = {
    answer: "does not reach",
    way: { kind: "none", why: "of a reason" },
    hops: [],
    line: "does not reach: of a reason",
    remedies: [],
  } as const;
  const path = { from: node(), to: node(), protocol: "tcp", port: 80, throughService: false } as const;
  const text = reportOf(2, { call, path, verdict, isReached: true, packets: "answered" }, small);
  expect(text).toContain(`world 2: `);
  expect(text).toContain("the verdict: does not reach: of a reason\n");
  expect(text).toContain("the packets: answered\n");
  expect(text).toContain(`${rule.group} ${rule.isEgress ? "out to" : "in from"} `);
  expect(text).toContain(JSON.stringify(small));
});
