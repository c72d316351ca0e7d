import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ForeignFileError } from "../sys/files.ts";
import { CniError } from "./errors.ts";
import { trunkSelector } from "./trunk.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trunk-"));
  file = join(directory, "trunk.json");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe("trunkSelector", () => {
  it("is what the configuration says, whatever the file says", () => {
    writeFileSync(file, "{");
    expect(trunkSelector({ interface: "eth1" }, directory)).toEqual({ interface: "eth1" });
    expect(trunkSelector({ mac: "02:00:00:00:00:11" }, directory)).toEqual({ mac: "02:00:00:00:00:11" });
  });

  it("is what the agent's file says otherwise, the MAC as the kernel writes it", () => {
    writeFileSync(file, JSON.stringify({ eniId: "eni-0a", mac: "02:AB:00:00:00:11", more: true }));
    expect(trunkSelector({}, directory)).toEqual({ mac: "02:ab:00:00:00:11" });
  });

  it("is unknown when neither says: code 100, with both that were tried", () => {
    const error = new CniError(
      100,
      `trunk not known: the configuration has neither trunk.interface nor trunk.mac, and there is no ${file}`,
    );
    expect(() => trunkSelector({}, directory)).toThrow(error);
    expect(() => trunkSelector({}, join(directory, "none"))).toThrow(CniError);
  });

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
    expect(() => trunkSelector({}, directory)).toThrow(
      expect.objectContaining({
        code: 100,
        message: `trunk not known: ${file} gives no valid "mac"`,
        details: text,
      }),
    );
  });

  it.each([
    ["a directory", () => mkdirSync(file), "is no regular file; remove it"],
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
    expect(() => trunkSelector({}, directory)).toThrow(new ForeignFileError(`${file} ${said}`));
  });

  it("names the file when it cannot be read", () => {
    expect(() => trunkSelector({}, `${directory}/${"x".repeat(300)}`)).toThrow(
      expect.objectContaining({
        code: 100,
        message: expect.stringMatching(/^trunk not known: Cannot read .*: ENAMETOOLONG$/),
      }),
    );
  });
});

const MAC_TEXT = JSON.stringify({ mac: "02:ab:00:00:00:11" });
