import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { useScratch } from "../unit/scratch.ts";
import { filesOnDisk } from "./files.ts";

const scratch = useScratch();

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
    mkdirSync(dirname(join(scratch.path, file)), { recursive: true });
    writeFileSync(join(scratch.path, file), "");
  }
  expect(filesOnDisk(scratch.path)).toEqual(["a.test.ts", "newfolder/deep/c.test.ts", "src/b.test.ts"]);
});
