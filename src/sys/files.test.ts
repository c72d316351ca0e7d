import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { removeFile, writeFileAtomic } from "./files.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/branchline-files-`);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe("writing a file", () => {
  it.each([0o600, 0o644, 0o666])("has the content and mode %o whatever the umask", (mode) => {
    const before = process.umask(0o077);
    try {
      writeFileAtomic(`${base}/record`, "é{}\n", mode);
    } finally {
      process.umask(before);
    }
    expect(readFileSync(`${base}/record`, "utf8")).toBe("é{}\n");
    expect(statSync(`${base}/record`).mode & 0o7777).toBe(mode);
  });

  it("replaces the file: who has the old one open keeps it whole", () => {
    writeFileSync(`${base}/record`, "a much longer old content", { mode: 0o644 });
    const { ino } = statSync(`${base}/record`);
    writeFileAtomic(`${base}/record`, "new", 0o600);
    expect(readFileSync(`${base}/record`, "utf8")).toBe("new");
    expect(statSync(`${base}/record`).ino).not.toBe(ino);
    expect(statSync(`${base}/record`).mode & 0o777).toBe(0o600);
    expect(readdirSync(base)).toEqual(["record"]);
  });

  it("that fails at the last moment leaves nothing behind, and says why", () => {
    mkdirSync(`${base}/record`);
    expect(() => writeFileAtomic(`${base}/record`, "x", 0o600)).toThrow(/EISDIR/);
    expect(readdirSync(base)).toEqual(["record"]);
  });

  it("that cannot begin says why", () => {
    expect(() => writeFileAtomic(`${base}/missing/record`, "x", 0o600)).toThrow(/ENOENT/);
  });

  it("gets over what a killed process of our number left, longer than the new", () => {
    writeFileSync(`${base}/record.${process.pid}.tmp`, "the larger part of something", { mode: 0o644 });
    writeFileAtomic(`${base}/record`, "x", 0o600);
    expect(readFileSync(`${base}/record`, "utf8")).toBe("x");
    expect(statSync(`${base}/record`).mode & 0o777).toBe(0o600);
    expect(readdirSync(base)).toEqual(["record"]);
  });
});

describe("removing a file", () => {
  it("tells whether it was there", () => {
    writeFileSync(`${base}/record`, "");
    expect(removeFile(`${base}/record`)).toBe(true);
    expect(removeFile(`${base}/record`)).toBe(false);
  });

  it("fails for any other reason", () => {
    writeFileSync(`${base}/file`, "");
    expect(() => removeFile(`${base}/file/below`)).toThrow(/ENOTDIR/);
  });
});
