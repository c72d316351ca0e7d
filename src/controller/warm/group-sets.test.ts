import { expect, it } from "vitest";
import { canGive, isSameSet, keyOfSet } from "./group-sets.ts";

it.each([
  ["one policy", [["a"]], ["a"], true],
  ["two policies together", [["a"], ["b", "c"]], ["c", "a", "b"], true],
  ["some of them", [["a"], ["b"], ["x"]], ["a", "b"], true],
  ["not part of a policy's", [["a", "b"]], ["a"], false],
  ["none", [["b"]], ["a"], false],
  ["none when there are none", [], ["a"], false],
  ["nobody no groups", [["a"]], [], false],
])("is given by %s", (_what, policies, groups, expected) => {
  expect(canGive(policies, groups)).toBe(expected);
});

it("a set is the same in any order, and another in another namespace", () => {
  expect(isSameSet(["a", "b"], ["b", "a"])).toBe(true);
  expect(isSameSet(["a"], ["a", "b"])).toBe(false);
  expect(keyOfSet("shop", ["b", "a"])).toBe(keyOfSet("shop", ["a", "b"]));
  expect(keyOfSet("shop", ["a"])).not.toBe(keyOfSet("bank", ["a"]));
});
