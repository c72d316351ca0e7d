import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, it } from "vitest";
import { isNewWarning } from "./warned.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/branchline-warned-`);
});

afterEach(() => rmSync(directory, { recursive: true }));

it("tells the first time from the others, for each text", () => {
  const state = `${directory}/state`;
  expect(["a", "b", "a", "b", "ab"].map((text) => isNewWarning(state, text))).toEqual([
    true,
    true,
    false,
    false,
    true,
  ]);
  expect(statSync(state).mode & 0o777).toBe(0o700);
  expect(statSync(`${state}/warned`).mode & 0o777).toBe(0o600);
});

it("takes a text with line breaks for one", () => {
  expect(isNewWarning(directory, "a\nb")).toBe(true);
  expect(isNewWarning(directory, "b")).toBe(true);
  expect(readFileSync(`${directory}/warned`, "utf8").trimEnd().split("\n")).toHaveLength(2);
});

it("says it again where it cannot be remembered", () => {
  writeFileSync(`${directory}/file`, "");
  chmodSync(`${directory}/file`, 0o600);
  expect(isNewWarning(`${directory}/file`, "a")).toBe(true);
  expect(isNewWarning(`${directory}/file`, "a")).toBe(true);
});
