import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { rotate } from "./log-rotation.ts";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rotation-"));
  file = join(directory, "plugin.log");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A log of that size that begins with the text. */
function write(text: string, size = 10 * 1024 * 1024): void {
  writeFileSync(file, text);
  truncateSync(file, size);
}

const names = () => readdirSync(directory).sort();

it("leaves a small log, and none, as they are", () => {
  expect(rotate(file)).toBe(false);
  write("a", 10 * 1024 * 1024 - 1);
  expect(rotate(file)).toBe(false);
  expect(names()).toEqual(["plugin.log"]);
});

it("keeps three, the newest first", () => {
  for (const text of ["a", "b", "c", "d"]) {
    write(text);
    expect(rotate(file)).toBe(true);
  }
  expect(names()).toEqual(["plugin.log.1", "plugin.log.2", "plugin.log.3"]);
  expect(names().map((name) => readFileSync(join(directory, name), "latin1").slice(0, 1))).toEqual([
    "d",
    "c",
    "b",
  ]);
});

it("goes on after one that was killed in the middle", () => {
  write("new");
  writeFileSync(`${file}.2`, "old");
  expect(rotate(file)).toBe(true);
  expect(names()).toEqual(["plugin.log.1", "plugin.log.3"]);
});

it("leaves a link alone", () => {
  write("x");
  const link = join(directory, "link");
  symlinkSync(file, link);
  expect(rotate(link)).toBe(false);
});
