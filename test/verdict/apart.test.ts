// The verdict and the simulator are held against each other: the build refuses what both would reach.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");
const { checkImports } = (await import(path.join(ROOT, "build/imports.mjs"))) as {
  checkImports: (root: string) => string[];
};

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "branchline-apart-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** What the build says of files that import these. */
function said(files: Readonly<Record<string, readonly string[]>>): string[] {
  for (const [name, imports] of Object.entries(files)) {
    const file = path.join(directory, "src", name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, imports.map((to) => `import "${to}";\n`).join(""));
  }
  return checkImports(directory).filter((line) => line.includes(" reach "));
}

/** Both as they are: addresses are all that they share. */
const apart = {
  "values/ip.ts": [],
  "values/ports.ts": [],
  "policy/label-selector.ts": ["../values/ip.ts"],
  "verdict/acl.ts": ["../values/ip.ts"],
  "verdict/verdict.ts": ["./acl.ts", "../policy/label-selector.ts"],
  "simulator/data-plane/table.ts": ["../../values/ip.ts"],
};

const refused = (file: string) =>
  `src/verdict and src/simulator both reach ${file}: they are tested against each other`;

it("they share no more than is listed", () => {
  expect(checkImports(ROOT)).toEqual([]);
  expect(said(apart)).toEqual([]);
});

it.each<[string, Readonly<Record<string, readonly string[]>>, string]>([
  [
    "the other itself",
    { "simulator/data-plane/table.ts": ["../../values/ip.ts", "../../verdict/acl.ts"] },
    "src/verdict/acl.ts",
  ],
  [
    "the other the other way",
    { "verdict/acl.ts": ["../values/ip.ts", "../simulator/data-plane/table.ts"] },
    "src/simulator/data-plane/table.ts",
  ],
  [
    "what is one's own",
    { "simulator/data-plane/table.ts": ["../../policy/label-selector.ts"] },
    "src/policy/label-selector.ts",
  ],
  [
    "a common file, however far",
    {
      "policy/label-selector.ts": ["../values/ip.ts", "../values/ports.ts"],
      "simulator/data-plane/table.ts": ["../../values/ip.ts", "../../values/ports.ts"],
    },
    "src/values/ports.ts",
  ],
])("%s is refused", (_, changed, shared) => {
  expect(said({ ...apart, ...changed })).toContain(refused(shared));
});

it("what they do not share any more is not to be listed", () => {
  expect(said({ ...apart, "simulator/data-plane/table.ts": [] })).toEqual([
    "src/verdict and src/simulator do not both reach src/values/ip.ts, which build/imports.mjs lets them share",
  ]);
});
