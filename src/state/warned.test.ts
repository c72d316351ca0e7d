import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, it } from "vitest";
import { warningsToLog } from "./warned.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/branchline-warned-`);
});

afterEach(() => rmSync(directory, { recursive: true }));

it("tells the first time from the others, for each text", () => {
  const state = `${directory}/state`;
  expect(["a", "b", "a", "b", "ab"].map((text) => warningsToLog(state, "ADD", text))).toEqual([
    ["a"],
    ["b"],
    [],
    [],
    ["ab"],
  ]);
  expect(statSync(state).mode & 0o777).toBe(0o700);
  expect(statSync(`${state}/warned`).mode & 0o777).toBe(0o600);
});

it("tells verbs apart", () => {
  expect(warningsToLog(directory, "ADD", "a")).toEqual(["a"]);
  expect(warningsToLog(directory, "STATUS", "a")).toEqual(["a"]);
  expect(warningsToLog(directory, "STATUS", "a")).toEqual([]);
});

it("has its mode whatever the umask", () => {
  const before = process.umask(0o777);
  try {
    warningsToLog(`${directory}/state`, "ADD", "a");
  } finally {
    process.umask(before);
  }
  expect(statSync(`${directory}/state/warned`).mode & 0o777).toBe(0o600);
});

it("takes a text with line breaks for one", () => {
  expect(warningsToLog(directory, "ADD", "a\nb")).toEqual(["a\nb"]);
  expect(warningsToLog(directory, "ADD", "b")).toEqual(["b"]);
  expect(readFileSync(`${directory}/warned`, "utf8").trimEnd().split("\n")).toHaveLength(2);
});

it("says it again where it cannot be remembered, and names what is in the way", () => {
  writeFileSync(`${directory}/file`, "");
  chmodSync(`${directory}/file`, 0o600);
  const said = ["a", `${directory}/file is not a directory; remove it`];
  expect(warningsToLog(`${directory}/file`, "ADD", "a")).toEqual(said);
  expect(warningsToLog(`${directory}/file`, "ADD", "a")).toEqual(said);
});

it("follows no link", () => {
  writeFileSync(`${directory}/elsewhere`, "theirs\n");
  symlinkSync(`${directory}/elsewhere`, `${directory}/warned`);
  expect(warningsToLog(directory, "ADD", "a")).toEqual([
    "a",
    `${directory}/warned is a symbolic link; remove it`,
  ]);
  expect(readFileSync(`${directory}/elsewhere`, "utf8")).toBe("theirs\n");
});

it("remembers no more than 64 KiB", () => {
  const long = (i: number) => `${i} ${"x".repeat(1000)}`;
  for (let i = 0; i < 100; i++) expect(warningsToLog(directory, "ADD", long(i))).toHaveLength(1);
  expect(statSync(`${directory}/warned`).size).toBeLessThanOrEqual(64 * 1024);
  expect(warningsToLog(directory, "ADD", long(1))).toEqual([]);
  expect(warningsToLog(directory, "ADD", long(99))).toEqual([long(99)]);
});
