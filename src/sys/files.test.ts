// oxlint-disable-next-line no-restricted-imports -- Node makes no FIFO
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ForeignFileError,
  appendOwn,
  ensureOwnDirectory,
  isOwnDirectory,
  openOwn,
  readOwn,
  removeFile,
  removeOwn,
  writeFileAtomic,
} from "./files.ts";

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

/** What else may stand in a file's place, and what is said of it. */
const others: readonly (readonly [what: string, said: string, put: (path: string) => void])[] = [
  [
    "a link to a file",
    "is a symbolic link; remove it",
    (path) => {
      writeFileSync(`${base}/theirs`, "theirs");
      symlinkSync(`${base}/theirs`, path);
    },
  ],
  ["a link to nothing", "is a symbolic link; remove it", (path) => symlinkSync(`${base}/nothing`, path)],
  ["a directory", "is not a regular file; remove it", (path) => mkdirSync(path)],
  [
    "a FIFO",
    "is not a regular file; remove it",
    (path) => expect(spawnSync("mkfifo", [path]).status).toBe(0),
  ],
];

describe.each(others)("where %s stands instead of a file", (_what, said, put) => {
  const uses: Readonly<Record<string, (path: string) => unknown>> = {
    reading: (path) => readOwn(path, 100),
    "opening to write": (path) => openOwn(path, constants.O_WRONLY),
    appending: (path) => appendOwn(path, 0o600),
    removing: (path) => removeOwn(path),
  };

  it.each(Object.entries(uses))("%s says so, and touches nothing", (_how, use) => {
    const path = `${base}/file`;
    put(path);
    const before = lstatSync(path);
    expect(() => use(path)).toThrow(new ForeignFileError(`${path} ${said}`));
    expect(lstatSync(path)).toMatchObject({ ino: before.ino, mode: before.mode });
    expect(existsSync(`${base}/nothing`)).toBe(false);
    expect(existsSync(`${base}/theirs`) ? readFileSync(`${base}/theirs`, "utf8") : "theirs").toBe("theirs");
  });

  it("writing says so of a temporary file", () => {
    const temporary = `${base}/record.${process.pid}.tmp`;
    put(temporary);
    expect(() => writeFileAtomic(`${base}/record`, "x", 0o600)).toThrow(
      new ForeignFileError(`${temporary} ${said}`),
    );
    expect(existsSync(`${base}/record`)).toBe(false);
    expect(existsSync(`${base}/theirs`) ? readFileSync(`${base}/theirs`, "utf8") : "theirs").toBe("theirs");
  });
});

describe("reading a file", () => {
  it("gives its text, or nothing when there is none", () => {
    writeFileSync(`${base}/file`, "é");
    expect(readOwn(`${base}/file`, 2)).toBe("é");
    expect(readOwn(`${base}/none`, 2)).toBeUndefined();
  });

  it("gives no more than was asked for", () => {
    writeFileSync(`${base}/file`, "123");
    expect(() => readOwn(`${base}/file`, 2)).toThrow(
      new ForeignFileError(`${base}/file has 3 bytes, more than the 2 it may have; remove it`),
    );
  });
});

it("appending makes the file with its mode whatever the umask, and then adds to it", () => {
  const before = process.umask(0o777);
  try {
    for (const text of ["a", "b"]) {
      const fd = appendOwn(`${base}/file`, 0o640);
      writeSync(fd, text);
      closeSync(fd);
    }
  } finally {
    process.umask(before);
  }
  expect(readFileSync(`${base}/file`, "utf8")).toBe("ab");
  expect(statSync(`${base}/file`).mode & 0o777).toBe(0o640);
});

describe("a directory", () => {
  it.each([0o000, 0o077, 0o777])(
    "is made with mode 0700 whatever the umask (%o), and then left as it is",
    (umask) => {
      const before = process.umask(umask);
      try {
        expect(isOwnDirectory(`${base}/own`)).toBe(false);
        ensureOwnDirectory(`${base}/own`);
        expect(statSync(`${base}/own`).mode & 0o7777).toBe(0o700);
        chmodSync(`${base}/own`, 0o755);
        ensureOwnDirectory(`${base}/own`);
      } finally {
        process.umask(before);
      }
      expect(statSync(`${base}/own`).mode & 0o7777).toBe(0o755);
      expect(isOwnDirectory(`${base}/own`)).toBe(true);
    },
  );

  it.each<[string, string, (path: string) => void]>([
    ["a link to a directory", "is a symbolic link; remove it", (path) => symlinkSync(base, path)],
    ["a link to nothing", "is a symbolic link; remove it", (path) => symlinkSync(`${base}/nothing`, path)],
    ["a file", "is not a directory; remove it", (path) => writeFileSync(path, "")],
    [
      "one that a group can write to",
      "is writable by others; expected mode 0700",
      (path) => (mkdirSync(path), chmodSync(path, 0o720)),
    ],
  ])("is not %s", (_what, said, put) => {
    put(`${base}/own`);
    expect(() => ensureOwnDirectory(`${base}/own`)).toThrow(new ForeignFileError(`${base}/own ${said}`));
    expect(existsSync(`${base}/nothing`)).toBe(false);
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
