// Copies of the project with a planted defect each: what a patch may change is copied, the rest is linked.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "../..");

export interface Plant {
  /** The patch's file name without its ending. */
  readonly name: string;
  /** A line above its first file, such as `Shows: …`; undefined without it. */
  readonly header: (field: string) => string | undefined;
  readonly file: string;
}

/** The patches of a folder of test/planted. */
export function plantsIn(folder: string): Plant[] {
  const directory = path.join(import.meta.dirname, folder);
  return readdirSync(directory)
    .toSorted()
    .map((patch) => {
      const file = path.join(directory, patch);
      const text = readFileSync(file, "utf8");
      return {
        name: patch.replace(/\.patch$/, ""),
        header: (field) => new RegExp(`^${field}: (.+)$`, "m").exec(text)?.[1],
        file,
      };
    });
}

/**
 * The copy's directory, below `directory`. `folder` is the one below src that is copied, such as `verdict` or
 * `simulator/data-plane`. Throws when the patch does not apply; without one the copy is as the project.
 */
export function copyWith(directory: string, name: string, folder: string, patch: string | undefined): string {
  const copy = path.join(directory, name);
  mkdirSync(copy, { recursive: true });
  cpSync(path.join(ROOT, "package.json"), path.join(copy, "package.json"));
  symlinkSync(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
  symlinkSync(path.join(ROOT, "test"), path.join(copy, "test"));
  linkAllBut(copy, "src", folder.split("/"));
  if (patch === undefined) return copy;
  // Inside of a repository git would take paths from its top, and apply nothing.
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: directory };
  const { status, stderr } = spawnSync("git", ["apply", patch], { cwd: copy, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${patch} does not apply: ${stderr}`);
  return copy;
}

function linkAllBut(copy: string, at: string, [copied, ...deeper]: readonly string[]): void {
  mkdirSync(path.join(copy, at), { recursive: true });
  for (const name of readdirSync(path.join(ROOT, at))) {
    const [from, to] = [path.join(ROOT, at, name), path.join(copy, at, name)];
    if (name !== copied) symlinkSync(from, to);
    else if (deeper.length > 0) linkAllBut(copy, path.join(at, name), deeper);
    else cpSync(from, to, { recursive: true });
  }
}
