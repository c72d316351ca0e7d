import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ForeignFileError } from "../sys/files.ts";
import { readTrunkMac } from "./trunk.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trunk-"));
  file = join(directory, "trunk.json");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const MAC_TEXT = JSON.stringify({ mac: "02:ab:00:00:00:11" });

describe("trunk.json", () => {
  it.each([
    ["empty", ""],
    ["cut off", '{"mac":"02:00'],
    ["null", "null"],
    ["a list", "[]"],
    ["without a MAC", '{"eniId":"eni-0a"}'],
    ["of a MAC that is none", '{"mac":"02:00:00:00:00"}'],
    ["of a number for a MAC", '{"mac":2}'],
  ])("names the file when it is %s", (_what, text) => {
    writeFileSync(file, text);
    expect(() => readTrunkMac(directory)).toThrow(
      expect.objectContaining({
        failure: "trunk",
        message: `trunk not known: ${file} gives no valid "mac"`,
        details: [text],
      }),
    );
  });

  it.each([
    ["a directory", () => mkdirSync(file), "is not a regular file; remove it"],
    [
      "a link",
      () => (writeFileSync(`${file}.true`, MAC_TEXT), symlinkSync(`${file}.true`, file)),
      "is a symbolic link; remove it",
    ],
    [
      "of 100 KiB",
      () => writeFileSync(file, MAC_TEXT.padEnd(102_400)),
      "has 102400 bytes, more than the 65536 it may have; remove it",
    ],
  ])("refuses one that is %s", (_what, put, said) => {
    put();
    expect(() => readTrunkMac(directory)).toThrow(new ForeignFileError(`${file} ${said}`));
  });

  it("names the file when it cannot be read", () => {
    expect(() => readTrunkMac(`${directory}/${"x".repeat(300)}`)).toThrow(
      expect.objectContaining({
        failure: "trunk",
        message: expect.stringMatching(/^trunk not known: Cannot read .*: ENAMETOOLONG$/),
      }),
    );
  });
});
