import { expect, it } from "vitest";
import { durationOf } from "./duration.ts";

it.each([
  [0, "0s"],
  [119, "119s"],
  [120, "2m"],
  [190, "3m10s"],
  [600, "10m"],
  [10_799, "179m"],
  [10_800, "3h"],
  [11_220, "3h7m"],
  [28_800, "8h"],
  [172_800, "2d"],
  [190_800, "2d5h"],
  [900_000, "10d"],
])("%j seconds are %s", (seconds, text) => expect(durationOf(seconds)).toBe(text));
