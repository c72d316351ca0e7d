import { expect, it } from "vitest";
import { commandIn, meantBy } from "./words.ts";

const COMMANDS = ["status", "explain", "doctor", "agent", "controller", "simulate"];

it.each([
  [["stats"], "stats"],
  [["-n", "shop", "stats"], "stats"],
  [["-A", "--no-ec2", "stats", "x"], "stats"],
  [["--cluster-name", "prod", "--clusterName", "prod", "--output", "json", "stats"], "stats"],
  [["--region=eu-west-1", "-o", "json", "stats"], "stats"],
  [["-A"], undefined],
  [[], undefined],
])("the command in %j is %s", (args, expected) => {
  expect(commandIn(args)).toBe(expected);
});

it.each([
  ["stats", "status"],
  ["Status", "status"],
  ["doctr", "doctor"],
  ["explian", "explain"],
  ["describe", "explain"],
  ["constructor", undefined],
  ["frobnicate", undefined],
  ["x", undefined],
])("%s means %s", (word, expected) => {
  expect(meantBy(word, COMMANDS)).toBe(expected);
});
