import { expect, it } from "vitest";
import { readCooldown, readLimits } from "./config-maps.ts";

it.each([
  ["60", 60_000],
  ["30", 30_000],
  ["29", undefined],
  ["0", undefined],
  ["-60", undefined],
  ["60s", undefined],
  ["", undefined],
  [undefined, undefined],
])("cooldown %j", (text, expected) => expect(readCooldown(text)).toBe(expected));

it.each([
  ["3 9", { interfaces: 3, branches: 9 }],
  [" 15  107 ", { interfaces: 15, branches: 107 }],
  ["9", undefined],
  ["3 9 1", undefined],
  ["-3 9", undefined],
  ["", undefined],
  [undefined, undefined],
])("limits %j", (text, expected) => expect(readLimits(text)).toEqual(expected));
