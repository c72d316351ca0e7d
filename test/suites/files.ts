import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { relative } from "node:path";
import { vitest } from "../vm/vitest.ts";
import type { Suite } from "./manifest.ts";

/** Paths of all test files of the checkout, from its root, in whichever folder. */
export function filesOnDisk(root: string): string[] {
  return globSync("**/*.test.ts", {
    cwd: root,
    exclude: ["node_modules", "parts", "dist", ".cache"],
  }).toSorted();
}

/** Paths of the test files that a project of the manifest has, from the checkout's root. */
export function filesOfProjects(root: string, manifest: readonly Suite[]): Set<string> {
  const projects = [...new Set(manifest.flatMap((suite) => suite.projects))];
  const [node = "", ...script] = vitest;
  const { status, stdout, stderr } = spawnSync(
    node,
    [...script, "list", "--filesOnly", "--json", ...projects.map((project) => `--project=${project}`)],
    { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`vitest list: ${stderr.trim()}`);
  const listed: { file: string }[] = JSON.parse(stdout);
  return new Set(listed.map(({ file }) => relative(root, file)));
}
