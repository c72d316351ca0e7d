import { expect, it } from "vitest";
import { type FailureKind, type Retry, retryAfter } from "./moment.ts";

function waits(kind: FailureKind, chance: number, times: number): number[] {
  const all: number[] = [];
  let retry: Retry | undefined;
  for (let i = 0; i < times; i += 1) {
    retry = retryAfter(retry, { kind, code: "", message: "no" }, { now: 1_000, random: () => chance });
    all.push(retry.notBefore - 1_000);
  }
  return all;
}

it.each([
  ["gone", 2_000, 60_000],
  ["spent", 100, 10_000],
  ["conflict", 100, 10_000],
  ["throttled", 200, 5_000],
  ["unknown", 1_000, 60_000],
  ["wait", 5_000, 60_000],
  ["invalid", 5_000, 300_000],
] as const)("%s: from %i to %i ms, half of it by chance", (kind, first, longest) => {
  expect(waits(kind, 0, 2)).toEqual([first / 2, first]);
  expect(waits(kind, 0, 12).at(-1)).toBe(longest / 2);
  expect(waits(kind, 1, 12).at(-1)).toBe(longest);
});

it("denied: never within a minute", () => {
  expect(waits("denied", 0, 12)).toEqual([60_000, 60_000, 120_000, ...Array<number>(9).fill(150_000)]);
});

it("counts failures in a row, and says the last one's words", () => {
  const before = { failures: 4, notBefore: 0, why: "before" };
  const failure = { kind: "unknown", code: "", message: "now" } as const;
  expect(retryAfter(before, failure, { now: 0, random: () => 0 })).toMatchObject({ failures: 5, why: "now" });
});

it("says the same of the same failure, whatever EC2 calls its request", () => {
  const message = "AssociateTrunkInterface: InvalidParameterValue: no (request 0f1e2d3c-4b5a)";
  const { why } = retryAfter(undefined, { kind: "invalid", code: "", message }, { now: 0, random: () => 0 });
  expect(why).toBe("AssociateTrunkInterface: InvalidParameterValue: no");
});
