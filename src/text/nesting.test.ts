import { describe, expect, it } from "vitest";
import { MAX_NESTING, isNestedTooDeep } from "./nesting.ts";

const nested = (levels: number, inside = "") => `${"[".repeat(levels)}${inside}${"]".repeat(levels)}`;

describe("isNestedTooDeep", () => {
  it("counts arrays and objects, to the limit and not a level further", () => {
    expect(MAX_NESTING).toBe(100);
    expect(isNestedTooDeep(nested(100))).toBe(false);
    expect(isNestedTooDeep(nested(101))).toBe(true);
    expect(isNestedTooDeep(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`)).toBe(false);
    expect(isNestedTooDeep('[{"a":'.repeat(51))).toBe(true);
  });

  it("counts levels, not how many there are beside each other", () => {
    expect(isNestedTooDeep(`[${Array(1000).fill(nested(99)).join(",")}]`)).toBe(false);
  });

  it("does not count brackets in texts, however they end", () => {
    expect(isNestedTooDeep(JSON.stringify(["[".repeat(200), `\\"${"{".repeat(200)}`, "\\"]))).toBe(false);
    expect(isNestedTooDeep(`["\\\\", ${nested(100)}]`)).toBe(true);
  });
});
