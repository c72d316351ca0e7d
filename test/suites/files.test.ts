import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { filesOnDisk } from "./files.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "branchline-files-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

it("finds test files in any folder, also one that no project has heard of", () => {
  for (const file of [
    "a.test.ts",
    "src/b.test.ts",
    "src/b.ts",
    "newfolder/deep/c.test.ts",
    "node_modules/d/d.test.ts",
    "dist/e.test.ts",
    ".cache/f.test.ts",
  ]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), "");
  }
  expect(filesOnDisk(root)).toEqual(["a.test.ts", "newfolder/deep/c.test.ts", "src/b.test.ts"]);
});
