import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

function where(frames: readonly string[]): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "build/where.mjs")], {
    encoding: "utf8",
    input: frames.join("\n"),
  });
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n");
}

/** Where each `throw new` of a script stands, as V8 counts: from 1. */
function throwsOf(code: string): string[] {
  return code
    .split("\n")
    .flatMap((line, index) =>
      [...line.matchAll(/\bthrow new /g)].map((found) => `${index + 1}:${found.index + 1}`),
    );
}

describe("a stack of the executable", () => {
  it.each(["core", "ask", "attach", "verbs"])("leads from %s.js to the sources, throw by throw", (script) => {
    const places = throwsOf(readFileSync(join(ROOT, `dist/plugin/${script}.js`), "utf8"));
    const found = where(places.map((place) => `    at qt (branchline/${script}.js:${place})`));
    expect(found).toHaveLength(places.length);
    for (const frame of found) {
      const [, file = "", line] = /^ {4}at qt \(((?:src|cmd)\/[\w/-]+\.ts):(\d+):\d+\)$/.exec(frame) ?? [];
      expect(readFileSync(join(ROOT, file), "utf8").split("\n")[Number(line) - 1]).toContain("throw");
    }
  });

  it("keeps what it does not know", () => {
    expect(where(["    at node:internal/main:1:2"])).toEqual(["    at node:internal/main:1:2"]);
  });
});
