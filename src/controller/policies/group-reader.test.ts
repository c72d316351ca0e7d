import { afterEach, beforeEach, expect, it } from "vitest";
import { Ec2CallError } from "../../ec2/error.ts";
import { ManualTimer, settle } from "../../../test/unit/manual-timer.ts";
import { GroupReader } from "./group-reader.ts";

const idOf = (i: number) => `sg-${i.toString(16).padStart(8, "0")}`;

let ending: AbortController;
let asked: (readonly string[])[];
let wanted: Set<string>;
let refusal: Ec2CallError | undefined;
let reader: GroupReader;
let timer: ManualTimer;
let told: number;
let gone: string;

beforeEach(() => {
  ending = new AbortController();
  asked = [];
  wanted = new Set();
  refusal = undefined;
  timer = new ManualTimer();
  [told, gone] = [0, idOf(7)];
  reader = new GroupReader({
    port: {
      groups(filters) {
        asked.push(filters["group-id"] ?? []);
        if (refusal !== undefined) return Promise.reject(refusal);
        const found = (filters["group-id"] ?? []).filter((id) => id !== gone);
        return Promise.resolve(found.map((id) => ({ id, name: "", vpc: "vpc-1", tags: {} })));
      },
    },
    vpc: () => Promise.resolve("vpc-1"),
    wanted: () => wanted,
    changed: () => void (told += 1),
    timer,
    random: () => 0.5,
    log: () => undefined,
  });
});

afterEach(() => ending.abort());

async function start(): Promise<void> {
  void reader.run(ending.signal);
  await settle();
}

it("asks of 200 ids at a time, never of what is none, and says what there is", async () => {
  for (let i = 0; i < 450; i += 1) wanted.add(idOf(i));
  wanted.add("sg-*");
  await start();
  expect(asked.map(({ length }) => length)).toEqual([200, 200, 50]);
  expect(reader.facts.of(idOf(6))).toEqual({ state: "found", vpc: "vpc-1" });
  expect(reader.facts.of(idOf(7))).toEqual({ state: "missing" });
  expect(reader.facts.of("sg-*")).toEqual({ state: "missing" });
  expect(reader.facts.of(idOf(999))).toEqual({ state: "unknown" });
});

it("asks at once when a policy names another, and not again for what is known", async () => {
  wanted.add(idOf(1));
  await start();
  expect(asked).toHaveLength(1);
  reader.named([idOf(1), "sg-*"]);
  await timer.advance(50_000);
  expect(asked).toHaveLength(1);
  wanted.add(idOf(2));
  reader.named([idOf(1), idOf(2)]);
  await timer.advance(250);
  expect(asked).toHaveLength(2);
});

it("asks of all again after a minute", async () => {
  wanted.add(idOf(1));
  await start();
  await timer.advance(60_000);
  expect(asked).toHaveLength(1);
  await timer.advance(250);
  expect(asked).toEqual([[idOf(1)], [idOf(1)]]);
});

it("asks nothing without policies", async () => {
  await start();
  await timer.advance(300_000);
  expect(asked).toEqual([]);
});

it("names the permission that is missing, keeps what it knew, and leaves EC2 alone for a minute", async () => {
  wanted.add(idOf(1));
  await start();
  expect(asked).toHaveLength(1);
  refusal = new Ec2CallError("denied", "DescribeSecurityGroups", "UnauthorizedOperation", "no");
  wanted.add(idOf(2));
  reader.named([idOf(1), idOf(2)]);
  await timer.advance(250);
  expect(reader.facts.problem).toMatch(/^ec2:DescribeSecurityGroups is missing: /);
  expect(reader.facts.of(idOf(1)).state).toBe("found");
  reader.named([idOf(1), idOf(2)]);
  await timer.advance(60_000);
  expect(asked).toHaveLength(2);
  refusal = undefined;
  await timer.advance(250);
  expect(asked).toHaveLength(3);
  expect(reader.facts.problem).toBeUndefined();
});

it("tells what is news, and not each minute what it was", async () => {
  wanted.add(idOf(1));
  await start();
  expect(told).toBe(1);
  await timer.advance(300_000);
  expect([asked.length, told]).toEqual([5, 1]);
  gone = idOf(1);
  await timer.advance(61_000);
  expect([reader.facts.of(idOf(1)).state, told]).toEqual(["missing", 2]);
  refusal = new Ec2CallError("denied", "DescribeSecurityGroups", "UnauthorizedOperation", "no");
  await timer.advance(180_000);
  expect(told).toBe(3);
  refusal = undefined;
  await timer.advance(61_000);
  expect([reader.facts.problem, told]).toEqual([undefined, 4]);
});

it("what a policy names is not looked for in all the others: a start brings thousands", async () => {
  for (let i = 0; i < 5_000; i += 1) wanted.add(idOf(i));
  let looked = 0;
  const counting = new GroupReader({
    port: { groups: () => Promise.resolve([]) },
    vpc: () => Promise.resolve("vpc-1"),
    wanted: () => {
      looked += 1;
      return wanted;
    },
    changed: () => undefined,
    timer,
    random: () => 0.5,
    log: () => undefined,
  });
  for (const id of wanted) counting.named([id]);
  expect(looked).toBe(0);
});

it("does not tell when EC2 fails to answer once or twice", async () => {
  wanted.add(idOf(1));
  await start();
  refusal = new Ec2CallError("retry", "DescribeSecurityGroups", "InternalError", "An internal error");
  // Not before each has failed.
  await timer.advance(60_250);
  expect([asked.length, reader.facts.problem, told]).toEqual([2, undefined, 1]);
  for (let i = 0; i < 40 && asked.length < 4; i += 1) await timer.advance(500);
  expect([reader.facts.problem, told]).toEqual([refusal.message, 2]);
  expect(reader.facts.of(idOf(1)).state).toBe("found");
});

it("tells a refusal once, although EC2's words are others each time", async () => {
  wanted.add(idOf(1));
  await start();
  const encoded = (i: number) =>
    `You are not authorized. Encoded authorization failure message: ${"x".repeat(i)}`;
  for (let i = 1; i <= 5; i += 1) {
    refusal = new Ec2CallError("denied", "DescribeSecurityGroups", "UnauthorizedOperation", encoded(i), {
      requestId: `request-${i}`,
    });
    await timer.advance(61_000);
  }
  expect([asked.length, told]).toEqual([6, 2]);
  expect(reader.facts.problem).toBe(
    "ec2:DescribeSecurityGroups is missing: DescribeSecurityGroups: UnauthorizedOperation: You are not authorized.",
  );
});
