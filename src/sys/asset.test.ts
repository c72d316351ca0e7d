import { createHash } from "node:crypto";
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
import { AssetError, loadAsset } from "./asset.ts";

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
const HASH = createHash("sha256").update(CONTENT).digest("hex").slice(0, 16);
const FILE = `.branchline-${HASH}-lib.node`;
const NOBODY = 65534;

let base: string;
let first: string;
let second: string;
let state: string;

beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/branchline-asset-`);
  // mkdtemp gives 0700, and one test here is nobody.
  chmodSync(base, 0o755);
  [first, second, state] = [`${base}/first`, `${base}/second`, `${base}/state`];
  mkdirSync(first);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const ASSET = { name: "lib.node", hash: HASH, size: CONTENT.length, content: () => CONTENT };
/** "Loads" by giving the path, once it has seen that the content is right. */
const load = (path: string) => {
  if (!readFileSync(path).equals(CONTENT)) throw new Error(`${path} was loaded damaged`);
  return path;
};
const place = (directories = [first, second], by = load) =>
  loadAsset(ASSET, by, { directories, stateDirectory: state });
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
    expect(loadAsset(unread, load, { directories: [first, second], stateDirectory: state })).toBe(
      `${first}/${FILE}`,
    );
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
      /^cannot load the native library from .*second\/a: .*; nor from .*second\/b: /,
    );
  });

  it("takes away what killed processes left, and nothing else", () => {
    const abandoned = `${first}/${FILE}.${ENDED}`;
    const inUse = `${first}/${FILE}.${process.ppid}`;
    const earlier = `${first}/.branchline-ffff-lib.node.${ENDED}`;
    const others = `${first}/.other-${HASH}-lib.node.${ENDED}`;
    for (const path of [abandoned, inUse, earlier, others]) writeFileSync(path, "part");
    place();
    expect([abandoned, inUse, earlier, others].map((path) => existsSync(path))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it("takes away what killed processes left of the note that it was looked at", () => {
    mkdirSync(state, { mode: 0o700 });
    for (const name of ["library.4711.tmp", "library.tmp", "strict.json.4711.tmp"]) {
      writeFileSync(`${state}/${name}`, "part");
    }
    place();
    expect(entries(state).sort()).toEqual(["library", "library.tmp", "strict.json.4711.tmp"]);
  });

  it("is written although a process of our number was killed while writing", () => {
    writeFileSync(`${first}/${FILE}.${process.pid}`, "part");
    expect(place()).toBe(`${first}/${FILE}`);
    expect(entries(first)).toEqual([FILE]);
  });

  it.each([
    ["the last byte", (bytes: Uint8Array) => bytes.with(bytes.length - 1, 255)],
    ["the first byte", (bytes: Uint8Array) => bytes.with(0, 255)],
    ["all bytes", (bytes: Uint8Array) => bytes.map(() => 0)],
  ])("is written once more when %s of it is another, at its size", (_, damage) => {
    writeFileSync(`${first}/${FILE}`, damage(CONTENT), { mode: 0o755 });
    expect(place()).toBe(`${first}/${FILE}`);
    expect(entries(second)).toEqual([]);
  });

  it("is looked at again when the file has changed since it was verified, or after a reboot", () => {
    place();
    writeFileSync(`${first}/${FILE}`, CONTENT.with(0, 255));
    expect(place()).toBe(`${first}/${FILE}`);
    writeFileSync(`${first}/${FILE}`, CONTENT.with(0, 255));
    rmSync(state, { recursive: true });
    expect(place()).toBe(`${first}/${FILE}`);
  });

  it.each([
    ["cannot be made", () => writeFileSync(state, "")],
    ["is somebody else's", () => mkdirSync(state, { mode: 0o777 }) !== chmodSync(state, 0o777)],
    [
      "has something else in the place of what is remembered",
      () => mkdirSync(`${state}/library`, { recursive: true }),
    ],
  ])("is verified each time where the state directory %s", (_, spoil) => {
    spoil();
    expect([place(), place()]).toEqual([`${first}/${FILE}`, `${first}/${FILE}`]);
    writeFileSync(`${first}/${FILE}`, CONTENT.with(0, 255));
    expect(place()).toBe(`${first}/${FILE}`);
  });

  it("goes to the next directory where it cannot be loaded, leaves nothing behind, and stays there", () => {
    const tries: string[] = [];
    const noexec = (path: string) => {
      tries.push(path);
      if (path.startsWith(first)) {
        const words = `${path}: failed to map segment from shared object: Operation not permitted`;
        throw Object.assign(new Error(words), { code: "ERR_DLOPEN_FAILED" });
      }
      return load(path);
    };
    expect(place([first, second], noexec)).toBe(`${second}/${FILE}`);
    expect(entries(first)).toEqual([]);
    expect(place([first, second], noexec)).toBe(`${second}/${FILE}`);
    // The second start neither writes nor tries the first directory again.
    expect(tries).toEqual([`${first}/${FILE}`, `${second}/${FILE}`, `${second}/${FILE}`]);
    expect(() => place([first], noexec)).toThrow(
      `cannot load the native library from ${first} (mounted noexec?)`,
    );
  });

  it("is written once more when it does not load, and loaded then", () => {
    place();
    let isFirst = true;
    const once = (path: string) => {
      if (!isFirst) return load(path);
      isFirst = false;
      throw new Error("file too short");
    };
    expect(place([first], once)).toBe(`${first}/${FILE}`);
  });

  it("is neither written into nor loaded from a fallback that others could write to", () => {
    mkdirSync(second);
    chmodSync(second, 0o777);
    writeFileSync(first.replace("first", "file"), "");
    expect(() => place([`${base}/file/x`, second])).toThrow(/second: .* is writable by others/);
    writeFileSync(`${second}/${FILE}`, CONTENT, { mode: 0o755 });
    expect(() => place([`${base}/file/x`, second])).toThrow(AssetError);
  });

  it("takes the libraries of other versions away when it is written, and nothing else of theirs", () => {
    const old = `.branchline-${"ab".repeat(8)}-lib.node`;
    const kept = [".branchline-short-lib.node", `.branchline-${"ab".repeat(8)}-other.node`, "branchline"];
    for (const entry of [old, ...kept]) writeFileSync(`${first}/${entry}`, "x");
    place();
    expect(entries(first).toSorted()).toEqual([...kept, FILE].toSorted());
  });
});
