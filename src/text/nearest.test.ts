import { describe, expect, it } from "vitest";
import { closeTo, editDistance, nearest } from "./nearest.ts";

describe("editDistance", () => {
  it.each([
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["abc", "abc", 0],
    ["abc", "abd", 1],
    ["abc", "abcd", 1],
    ["abc", "ac", 1],
    ["kitten", "sitting", 3],
    ["flaw", "lawn", 2],
  ])("%j to %j is %i", (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
    expect(editDistance(to, from)).toBe(distance);
  });
});

describe("nearest", () => {
  it.each([
    ["MTU", "mtu"],
    ["serviceCidrs", "serviceCIDRs"],
    ["serviceCIDR", "serviceCIDRs"],
    ["hostRoute", "hostRoutes"],
    ["x".repeat(100_000), "mtu"],
  ])("of %j", (word, expected) => {
    expect(nearest(word, ["mtu", "serviceCIDRs", "hostRoutes"])).toBe(expected);
  });
});

describe("closeTo", () => {
  it.each([
    ["crat-0", "cart-0"],
    ["wbe-0", "web-0"],
    ["n9", "n1"],
    ["abc", undefined],
    ["nothing-like-it", undefined],
  ])("of %j", (word, expected) => {
    expect(closeTo(word, ["cart-0", "web-0", "n1", "xyz"])).toBe(expected);
    expect(closeTo(word, [])).toBeUndefined();
  });
});
