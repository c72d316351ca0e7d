import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AssetError, materialize } from "./asset.ts";

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
const FILE = ".branchline-0123abcd-lib.node";
const NOBODY = 65534;

let base: string;
let first: string;
let second: string;

beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/branchline-asset-`);
  // mkdtemp gives 0700, and one test here is nobody.
  chmodSync(base, 0o755);
  [first, second] = [`${base}/first`, `${base}/second`];
  mkdirSync(first);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const ASSET = { name: "lib.node", hash: "0123abcd", size: CONTENT.length, content: () => CONTENT };
const place = (directories = [first, second]) => materialize(ASSET, directories);
const entries = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []);

/** Numbers that no process has: they are above the largest that the kernel gives. */
const ENDED = Number(readFileSync("/proc/sys/kernel/pid_max", "utf8")) + 1;

describe("the native library on disk", () => {
  it("is written whole, executable whatever the umask, and alone", () => {
    const before = process.umask(0o077);
    try {
      expect(place()).toBe(`${first}/${FILE}`);
    } finally {
      process.umask(before);
    }
    expect(readFileSync(`${first}/${FILE}`).equals(CONTENT)).toBe(true);
    expect(statSync(`${first}/${FILE}`).mode & 0o7777).toBe(0o755);
    expect(entries(first)).toEqual([FILE]);
  });

  it("is used again as it is", () => {
    place();
    const { ino, mtimeMs } = statSync(`${first}/${FILE}`);
    const unread = {
      ...ASSET,
      content: () => {
        throw new Error("read for nothing");
      },
    };
    expect(materialize(unread, [first, second])).toBe(`${first}/${FILE}`);
    expect(statSync(`${first}/${FILE}`)).toMatchObject({ ino, mtimeMs });
  });

  it("is replaced when it is of another size, never written into", () => {
    writeFileSync(`${first}/${FILE}`, CONTENT.subarray(1), { mode: 0o755 });
    const { ino } = statSync(`${first}/${FILE}`);
    expect(place()).toBe(`${first}/${FILE}`);
    expect(readFileSync(`${first}/${FILE}`).equals(CONTENT)).toBe(true);
    expect(statSync(`${first}/${FILE}`).ino).not.toBe(ino);
  });

  it.each([
    ["its group", 0o775],
    ["everybody", 0o757],
  ])("is refused when %s could have written it", (_, mode) => {
    place();
    chmodSync(`${first}/${FILE}`, mode);
    expect(place()).toBe(`${second}/${FILE}`);
    expect(() => place([first])).toThrow(/could have been written by others; remove it/);
  });

  it.runIf(process.geteuid?.() === 0)("is refused when it is another user's", () => {
    place();
    chownSync(`${first}/${FILE}`, NOBODY, NOBODY);
    expect(place()).toBe(`${second}/${FILE}`);
  });

  it("is refused when it is a link, even to a good one", () => {
    place([second]);
    symlinkSync(`${second}/${FILE}`, `${first}/${FILE}`);
    expect(() => place([first])).toThrow(AssetError);
  });

  it("goes to the next directory where the first cannot be written, and makes it", () => {
    const deeper = `${second}/lib/branchline`;
    chmodSync(base, 0o777);
    chmodSync(first, 0o555);
    // Permissions do not bind root.
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(NOBODY);
    try {
      expect(place([first, deeper])).toBe(`${deeper}/${FILE}`);
    } finally {
      if (root) process.seteuid?.(0);
    }
    expect(entries(first)).toEqual([]);
    expect(statSync(deeper).mode & 0o777).toBe(0o755);
  });

  it("names every directory that it tried when none will do", () => {
    // A file stands where the directory should be.
    writeFileSync(second, "");
    expect(() => place([`${second}/a`, `${second}/b`])).toThrow(
      /^Cannot write the native library anywhere: .*second\/a: .*; .*second\/b: /,
    );
  });

  it("takes away what killed processes left, and nothing else", () => {
    const abandoned = `${first}/${FILE}.${ENDED}`;
    const inUse = `${first}/${FILE}.${process.ppid}`;
    const others = `${first}/.branchline-ffff-lib.node.${ENDED}`;
    for (const path of [abandoned, inUse, others]) writeFileSync(path, "part");
    place();
    expect([abandoned, inUse, others].map((path) => existsSync(path))).toEqual([false, true, true]);
  });

  it("is written although a process of our number was killed while writing", () => {
    writeFileSync(`${first}/${FILE}.${process.pid}`, "part");
    expect(place()).toBe(`${first}/${FILE}`);
    expect(entries(first)).toEqual([FILE]);
  });
});
