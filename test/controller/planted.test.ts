// Defects of the controller as patches: each is found by the simulation, and shortened.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PATCHES = path.join(ROOT, "test/planted/controller");
const CHILD = path.join(import.meta.dirname, "planted-child.ts");
const MOST_MS = 900_000;

const names = readdirSync(PATCHES).toSorted();
const found = new Map<string, string>();

/**
 * A patch says above its first file what it does to the controller, what that shows, and in which theme of runs and from
 * which seed it is soon found.
 */
function header(name: string, field: "Shows" | "Theme" | "Seed"): string {
  const value = new RegExp(`^${field}: (.+)$`, "m").exec(readFileSync(path.join(PATCHES, name), "utf8"))?.[1];
  if (value === undefined) throw new Error(`${name} has no line ${field}:`);
  return value;
}

/** A copy of what a patch may change, with links to the rest; undefined if it does not apply. */
function planted(directory: string, name: string): string | undefined {
  const copy = path.join(directory, name);
  mkdirSync(path.join(copy, "src"), { recursive: true });
  for (const folder of readdirSync(path.join(ROOT, "src"))) {
    if (folder !== "controller") symlinkSync(path.join(ROOT, "src", folder), path.join(copy, "src", folder));
  }
  for (const folder of ["src/controller", "test/controller"])
    cpSync(path.join(ROOT, folder), path.join(copy, folder), { recursive: true });
  cpSync(path.join(ROOT, "package.json"), path.join(copy, "package.json"));
  // Inside of a repository git would take paths from its top, and apply nothing.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: path.dirname(copy) };
  const { status, stderr } = spawnSync("git", ["apply", path.join(PATCHES, name)], {
    cwd: copy,
    env,
    encoding: "utf8",
  });
  if (status === 0) return copy;
  found.set(name, `the patch does not apply: ${stderr}`);
  return undefined;
}

beforeAll(() => {
  const directory = mkdtempSync(path.join(tmpdir(), "branchline-planted-"));
  try {
    const copies = names.map((name) => ({ name, copy: planted(directory, name) }));
    const defects = copies.flatMap(({ name, copy }) => (copy === undefined ? [] : [{ name, copy }]));
    const args = defects.flatMap(({ name, copy }) => [copy, header(name, "Theme"), header(name, "Seed")]);
    const out = execFileSync(process.execPath, [CHILD, ...args], { encoding: "utf8", timeout: MOST_MS });
    const lines = out.trim().split("\n");
    for (const [i, { name }] of defects.entries()) found.set(name, JSON.parse(lines[i] ?? "") as string);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}, MOST_MS);

it.each(names)("%s is found", (name) => {
  expect(found.get(name)).toMatch(new RegExp(header(name, "Shows")));
});
