import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

function checkNode(...args: string[]): { status: number | null; stderr: string } {
  const script = `import { checkNode } from ${JSON.stringify(join(ROOT, "build/supply.mjs"))}; checkNode(...process.argv.slice(1));`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", script, ...args], { encoding: "utf8" });
}

describe("what the executable is made of", () => {
  it("is the pinned Node, and no other file passes for it", () => {
    expect(checkNode()).toMatchObject({ status: 0, stderr: "" });
    const other = checkNode("/bin/sh");
    expect(other.status).not.toBe(0);
    expect(other.stderr).toContain("/bin/sh is not the pinned Node: its SHA-256 is ");
  });

  it("comes with the licences of Node, koffi and what the command line bundles", () => {
    const notices = readFileSync(join(ROOT, "dist/THIRD-PARTY-NOTICES.txt"), "utf8");
    expect(notices).toMatch(/^Node\.js \d+\.\d+\.\d+$/m);
    expect(notices).toMatch(/^koffi \d+\.\d+\.\d+$/m);
    expect(notices).toMatch(/^yargs \d+\.\d+\.\d+$/m);
    expect(notices).toMatch(/^yargs-parser \d+\.\d+\.\d+$/m);
  });
});
