import { expect, it } from "vitest";
import { printable } from "./printable.ts";

it.each([
  ["one line", "one line"],
  ["  two\n\tlines ", "two lines"],
  ["red \u001b[31mtext", "red \\u001b[31mtext"],
  ["a title \u001b]0;x\u0007", "a title \\u001b]0;x\\u0007"],
  ["\u009b2J", "\\u009b2J"],
  ["abc\u202edcba", "abc\\u202edcba"],
  ["グループ é 🙂", "グループ é 🙂"],
])("%j is printed as %j", (text, expected) => expect(printable(text)).toBe(expected));
