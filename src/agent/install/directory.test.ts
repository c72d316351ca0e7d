import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useScratch } from "../../../test/unit/scratch.ts";
import { installList, removeList } from "./directory.ts";
import { Executable } from "./executable.ts";
import type { ListOptions } from "./list.ts";

const scratch = useScratch();
const options: ListOptions = {
  ours: "05-branchline.conflist",
  primaryType: "aws-cni",
  entry: { enablePodENI: true },
};
const aws = JSON.stringify({ cniVersion: "1.0.0", name: "aws-cni", plugins: [{ type: "aws-cni" }] });

function directory(): string {
  const path = join(scratch.path, "net.d");
  mkdirSync(path);
  return path;
}

const ours = (path: string) => join(path, options.ours);

describe("installList", () => {
  it("writes it once, with the primary's mode, and leaves nothing else", () => {
    const path = directory();
    writeFileSync(join(path, "10-aws.conflist"), aws);
    chmodSync(join(path, "10-aws.conflist"), 0o600);
    expect(installList(path, options).plan.action).toBe("write");
    const before = statSync(ours(path));
    expect(before.mode & 0o777).toBe(0o600);
    expect(installList(path, options).plan.action).toBe("none");
    expect(statSync(ours(path)).ino).toBe(before.ino);
    expect(readdirSync(path).sort()).toEqual([options.ours, "10-aws.conflist"]);
  });

  it("removes what a killed agent has left, and nothing that looks similar", () => {
    const path = directory();
    writeFileSync(join(path, "10-aws.conflist"), aws);
    writeFileSync(join(path, ".05-branchline.conflist.0123456789ab.tmp"), "{");
    writeFileSync(join(path, ".other.conflist.0123456789ab.tmp"), "{");
    installList(path, options);
    expect(readdirSync(path).sort()).toEqual([
      ".other.conflist.0123456789ab.tmp",
      options.ours,
      "10-aws.conflist",
    ]);
  });

  it("waits for a directory that is not there", () =>
    expect(installList(join(scratch.path, "none"), options).plan.action).toBe("wait"));

  it("reads a list behind a link, and passes over links that lead nowhere, directories and huge files", () => {
    const path = directory();
    writeFileSync(join(scratch.path, "real"), aws);
    symlinkSync(join(scratch.path, "real"), join(path, "10-aws.conflist"));
    symlinkSync(join(scratch.path, "nowhere"), join(path, "01-a.conflist"));
    symlinkSync(join(path, "02-b.conflist"), join(path, "02-b.conflist"));
    mkdirSync(join(path, "03-c.conflist"));
    writeFileSync(join(path, "04-d.conflist"), " ".repeat(2 ** 20 + 1));
    expect(installList(path, options).plan.action).toBe("write");
  });

  it("is undone by removeList, again and again", () => {
    const path = directory();
    writeFileSync(join(path, "10-aws.conflist"), aws);
    installList(path, options);
    writeFileSync(join(path, ".05-branchline.conflist.0123456789ab.tmp"), "{");
    expect(removeList(path, options.ours)).toBeUndefined();
    expect(removeList(path, options.ours)).toBeUndefined();
    expect(readdirSync(path)).toEqual(["10-aws.conflist"]);
  });
});

describe("removeList", () => {
  it("leaves the only list that the runtime could use, and says what to do", () => {
    const path = directory();
    const primaries = join(scratch.path, "primary");
    mkdirSync(primaries);
    writeFileSync(join(primaries, "10-aws.conflist"), aws);
    installList(path, options, primaries);
    writeFileSync(join(path, "10-aws.conflist"), "{");
    writeFileSync(join(path, "README"), aws);
    expect(removeList(path, options.ours)).toMatch(
      /05-branchline\.conflist is the only list there.*: let the primary plugin write its list into .*net\.d first$/,
    );
    expect(readdirSync(path)).toContain(options.ours);
    writeFileSync(join(path, "10-aws.conflist"), aws);
    expect(removeList(path, options.ours)).toBeUndefined();
    expect(readdirSync(path)).not.toContain(options.ours);
  });

  it("has nothing to do where there is no directory, or no list of ours", () => {
    expect(removeList(join(scratch.path, "none"), options.ours)).toBeUndefined();
    const path = directory();
    writeFileSync(join(path, "10-aws.conflist"), aws);
    expect(removeList(path, options.ours)).toBeUndefined();
    expect(readdirSync(path)).toEqual(["10-aws.conflist"]);
  });
});

describe("an executable", () => {
  it("is written once, and again when it is another, shorter, longer or not executable", () => {
    const source = join(scratch.path, "source");
    // More than a chunk.
    const content = Buffer.alloc(3 * 1024 * 1024 + 5, "branchline");
    writeFileSync(source, content);
    const path = directory();
    const target = join(path, "branchline");
    const executable = new Executable(source, path);
    expect(executable.install()).toBe(true);
    const { ino } = statSync(target);
    expect(executable.install()).toBe(false);
    // Another agent finds it right.
    expect(new Executable(source, path).install()).toBe(false);
    expect(statSync(target).ino).toBe(ino);
    const harms = [
      () => chmodSync(target, 0o644),
      () => writeFileSync(target, Buffer.concat([content.subarray(0, -1), Buffer.from([0])])),
      () => writeFileSync(target, content.subarray(1)),
      () => writeFileSync(target, Buffer.concat([content, Buffer.from("x")])),
      () => writeFileSync(target, ""),
      () => rmSync(target),
    ];
    for (const harm of harms) {
      harm();
      expect(executable.install()).toBe(true);
      expect(readFileSync(target).equals(content)).toBe(true);
      expect(statSync(target).mode & 0o777).toBe(0o755);
      expect(executable.install()).toBe(false);
    }
    expect(readdirSync(path)).toEqual(["branchline"]);
  });

  it("is removed, with its native libraries of any version, and with what is half-done; nothing else is", () => {
    const source = join(scratch.path, "source");
    writeFileSync(source, "branchline");
    const path = directory();
    const executable = new Executable(source, path);
    executable.install();
    writeFileSync(join(path, ".branchline-0123456789abcdef-koffi.node"), "x");
    writeFileSync(join(path, ".branchline.0123456789ab.tmp"), "x");
    const others = [".branchline-notes", ".branchline-0123456789abcdef-koffi.node.mine", "aws-cni"];
    for (const name of others) writeFileSync(join(path, name), "x");
    executable.remove();
    executable.remove();
    expect(readdirSync(path).sort()).toEqual([...others].sort());
    expect(executable.isThere).toBe(false);
    // It can be installed again.
    expect(executable.install()).toBe(true);
    expect(executable.isThere).toBe(true);
  });

  it("whose directory is not there is not there, and its removal no error", () => {
    const executable = new Executable(join(scratch.path, "source"), join(scratch.path, "none"));
    expect(executable.isThere).toBe(false);
    executable.remove();
  });

  it("is not there when its source cannot be read, and nothing half-done is", () => {
    const path = directory();
    expect(() => new Executable(join(scratch.path, "none"), path).install()).toThrow("ENOENT");
    expect(readdirSync(path)).toEqual([]);
  });
});
