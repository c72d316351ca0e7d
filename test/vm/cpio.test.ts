import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cpio, directory, file, link, program } from "./cpio.ts";
import { TemporaryDirectory } from "./temporary.ts";

test("an archive unpacks, by another program, to what went in", () => {
  using work = new TemporaryDirectory("branchline-cpio-");
  const content = Buffer.from("odd number of bytes".slice(0, 17));
  const entries = [
    directory("bin"),
    program("bin/run", content),
    link("bin/sh", "run"),
    file("empty", Buffer.alloc(0)),
  ];
  execFileSync("busybox", ["cpio", "-i"], { cwd: work.path, input: cpio(entries), stdio: "pipe" });

  const path = (name: string): string => join(work.path, name);
  expect(readFileSync(path("bin/run"))).toEqual(content);
  expect(statSync(path("bin/run")).mode & 0o777).toBe(0o755);
  expect(readlinkSync(path("bin/sh"))).toBe("run");
  expect(statSync(path("empty")).size).toBe(0);
});
