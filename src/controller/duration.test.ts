import { expect, it } from "vitest";
import { readDuration } from "./duration.ts";

it.each([
  ["15s", 15_000],
  ["500ms", 500],
  ["2m", 120_000],
  ["1h", 3_600_000],
  ["15", undefined],
  ["s", undefined],
  ["-1s", undefined],
  ["1.5s", undefined],
  ["", undefined],
])("%j", (text, expected) => expect(readDuration(text)).toBe(expected));
