import { expect, it } from "vitest";
import { includes } from "./version.ts";

it.each<[string, string, boolean | undefined]>([
  ["7", "7", true],
  ["8", "7", true],
  ["7", "8", false],
  ["10", "9", true],
  ["9", "10", false],
  ["18446744073709551616", "18446744073709551615", true],
  ["abc", "abc", true],
  ["abc", "7", undefined],
  ["7", "", undefined],
  ["07", "7", undefined],
  ["", "", true],
])("%j has what %j has: %j", (a, b, expected) => expect(includes(a, b)).toBe(expected));
