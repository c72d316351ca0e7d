import { describe, expect, test } from "vitest";
import { fill, type Json, mismatch, pick } from "./json.ts";

test("fill replaces names within texts, at any depth", () => {
  expect(fill({ a: ["$vpc", { b: "x-$nonce*" }], n: 1 }, { vpc: "vpc-1", nonce: "q" })).toEqual({
    a: ["vpc-1", { b: "x-q*" }],
    n: 1,
  });
});

test("fill refuses a name without a value", () => {
  expect(() => fill("$vcp", { vpc: "vpc-1" })).toThrow("nothing is called $vcp here");
});

test("pick takes a text at a path, or a part of it", () => {
  const answer = { Vpcs: [{ Block: "2600:1:2:300::/56" }] };
  expect(pick(answer, "Vpcs.0.Block")).toBe("2600:1:2:300::/56");
  expect(pick(answer, "Vpcs.0.Block ^(.*)/56$")).toBe("2600:1:2:300::");
  expect(() => pick(answer, "Vpcs.1.Block")).toThrow("no text at Vpcs.1.Block");
  expect(() => pick(answer, "Vpcs.0.Block ^(.*)/64$")).toThrow("does not match");
});

describe("mismatch", () => {
  const cases: [what: string, expected: Json, value: unknown, lacking: string | undefined][] = [
    ["a part of an object", { a: 1 }, { a: 1, b: 2 }, undefined],
    ["another value", { a: { b: 1 } }, { a: { b: 2 } }, "answer.a.b is 2 instead of 1"],
    ["a missing value", { a: 1 }, {}, "answer.a is absent instead of 1"],
    ["a number as text", { a: 1 }, { a: "1" }, 'answer.a is "1" instead of 1'],
    ["a pattern", "~^eni-[0-9a-f]+$", "eni-0a", undefined],
    ["a pattern that does not match", "~^eni-", "vpc-0a", 'answer is "vpc-0a", which ^eni- does not match'],
    ["nothing for null", { a: null }, {}, undefined],
    ["an empty list for null", { a: null }, { a: [] }, undefined],
    ["something for null", { a: null }, { a: "x" }, 'answer.a is "x" instead of absent'],
    ["nothing for an empty list", { a: [] }, {}, undefined],
    ["a list in another order", [1, 2], [2, 1], undefined],
    ["a list that is longer", [1], [1, 2], "answer has 2 items instead of 1"],
    ["a list with the same item twice", [1, 1], [1, 2], "answer.0 is 2 instead of 1"],
    ["an item that fits both of a list", [{}, { a: 1 }], [{ a: 1 }, {}], undefined],
  ];
  test.each(cases)("%s", (_, expected, value, lacking) => {
    expect(mismatch(expected, value)).toBe(lacking);
  });
});
