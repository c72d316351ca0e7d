import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Ec2CallError } from "../../ec2/error.ts";
import { systemTimer } from "../../sys/timer.ts";
import { GroupReader } from "./group-reader.ts";

const idOf = (i: number) => `sg-${i.toString(16).padStart(8, "0")}`;

let ending: AbortController;
let asked: (readonly string[])[];
let wanted: Set<string>;
let refusal: Ec2CallError | undefined;
let reader: GroupReader;

beforeEach(() => {
  ending = new AbortController();
  asked = [];
  wanted = new Set();
  refusal = undefined;
  reader = new GroupReader({
    port: {
      groups(filters) {
        asked.push(filters["group-id"] ?? []);
        if (refusal !== undefined) return Promise.reject(refusal);
        const found = (filters["group-id"] ?? []).filter((id) => id !== idOf(7));
        return Promise.resolve(found.map((id) => ({ id, name: "", vpc: "vpc-1", tags: {} })));
      },
    },
    vpc: () => Promise.resolve("vpc-1"),
    wanted: () => wanted,
    changed: () => undefined,
    timer: systemTimer,
    random: () => 0.5,
    log: () => undefined,
  });
});

afterEach(() => ending.abort());

it("asks of 200 ids at a time, never of what is none, and says what there is", async () => {
  for (let i = 0; i < 450; i += 1) wanted.add(idOf(i));
  wanted.add("sg-*");
  void reader.run(ending.signal);
  await expect.poll(() => asked.map(({ length }) => length)).toEqual([200, 200, 50]);
  expect(reader.facts.of(idOf(6))).toEqual({ state: "found", vpc: "vpc-1" });
  expect(reader.facts.of(idOf(7))).toEqual({ state: "missing" });
  expect(reader.facts.of("sg-*")).toEqual({ state: "missing" });
  expect(reader.facts.of(idOf(999))).toEqual({ state: "unknown" });
});

it("asks at once when a policy names another, and not again for what is known", async () => {
  wanted.add(idOf(1));
  void reader.run(ending.signal);
  await expect.poll(() => asked.length).toBe(1);
  reader.policiesChanged();
  await sleep(600);
  expect(asked).toHaveLength(1);
  wanted.add(idOf(2));
  reader.policiesChanged();
  await expect.poll(() => asked.length, { timeout: 3_000 }).toBe(2);
});

it("asks nothing without policies", async () => {
  void reader.run(ending.signal);
  await sleep(300);
  expect(asked).toEqual([]);
});

it("names the permission that is missing, keeps what it knew, and leaves EC2 alone for a minute", async () => {
  wanted.add(idOf(1));
  void reader.run(ending.signal);
  await expect.poll(() => asked.length).toBe(1);
  refusal = new Ec2CallError("denied", "DescribeSecurityGroups", "UnauthorizedOperation", "no");
  wanted.add(idOf(2));
  reader.policiesChanged();
  await expect
    .poll(() => reader.facts.problem, { timeout: 3_000 })
    .toMatch(/^ec2:DescribeSecurityGroups is missing: /);
  expect(reader.facts.of(idOf(1)).state).toBe("found");
  reader.policiesChanged();
  await sleep(600);
  expect(asked).toHaveLength(2);
});
