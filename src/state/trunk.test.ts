import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useScratch } from "../../test/unit/scratch.ts";
import { ForeignFileError } from "../sys/files.ts";
import { readTrunkMac } from "./trunk.ts";

const scratch = useScratch();
const trunkFile = () => join(scratch.path, "trunk.json");

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
    writeFileSync(trunkFile(), text);
    expect(() => readTrunkMac(scratch.path)).toThrow(
      expect.objectContaining({
        failure: "trunk",
        message: `trunk not known: ${trunkFile()} gives no valid "mac"`,
        details: [text],
      }),
    );
  });

  it.each([
    ["a directory", () => mkdirSync(trunkFile()), "is not a regular file; remove it"],
    [
      "a link",
      () => (writeFileSync(`${trunkFile()}.true`, MAC_TEXT), symlinkSync(`${trunkFile()}.true`, trunkFile())),
      "is a symbolic link; remove it",
    ],
    [
      "of 100 KiB",
      () => writeFileSync(trunkFile(), MAC_TEXT.padEnd(102_400)),
      "has 102400 bytes, more than the 65536 it may have; remove it",
    ],
  ])("refuses one that is %s", (_what, put, said) => {
    put();
    expect(() => readTrunkMac(scratch.path)).toThrow(new ForeignFileError(`${trunkFile()} ${said}`));
  });

  it("names the file when it cannot be read", () => {
    expect(() => readTrunkMac(`${scratch.path}/${"x".repeat(300)}`)).toThrow(
      expect.objectContaining({
        failure: "trunk",
        message: expect.stringMatching(/^trunk not known: Cannot read .*: ENAMETOOLONG$/),
      }),
    );
  });
});
