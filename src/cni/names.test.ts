import { describe, expect, it } from "vitest";
import { interfaceNameDefect, isIdentifier } from "./names.ts";

describe("isIdentifier", () => {
  it.each(["a", "0", "aws-cni", "a_", "a.-", "A1.b_c-d", "f".repeat(128)])("takes %j", (text) => {
    expect(isIdentifier(text)).toBe(true);
  });
  it.each(["", "_a", ".a", "-a", "a b", "a/b", "a\n", "a\nb", "é", "a:b"])("refuses %j", (text) => {
    expect(isIdentifier(text)).toBe(false);
  });
});

describe("interfaceNameDefect", () => {
  it.each([
    "eth0",
    "a",
    "123456789012345",
    "ééééééé",
    "...",
    "a.b",
    "a\u0001b",
    "a\ufeffb",
    "vlan.eth.1",
    "a@b",
  ])("takes %j", (name) => expect(interfaceNameDefect(name)).toBeUndefined());
  it.each([
    ["", "is empty"],
    [".", "is not a name"],
    ["..", "is not a name"],
    ["1234567890123456", "is longer than 15 bytes"],
    ["éééééééé", "is longer than 15 bytes"],
    ...Array.from("/: \t\n\v\f\r\u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000").map((c) => [
      `a${c}b`,
      "contains a slash, a colon or white space",
    ]),
  ])("refuses %j", (name, defect) => expect(interfaceNameDefect(name)).toBe(defect));
});
