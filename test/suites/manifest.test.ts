import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import config from "../../vitest.config.ts";
import { PIECES, suites } from "./manifest.ts";

const all = suites(1);

it("has each suite's name once", () => {
  const names = all.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

it("runs every project of vitest.config.ts in test-all", () => {
  const projects = (config.test?.projects ?? []).map(
    (project) => (project as { test: { name: string } }).test.name,
  );
  const run = all.filter(({ tiers }) => tiers.includes("all")).flatMap((suite) => suite.projects);
  expect([...new Set(run)].toSorted()).toEqual(projects.toSorted());
});

it("gives each commit another piece of the kernel suite", () => {
  const pieces = Array.from({ length: PIECES }, (_, index) =>
    suites(index + 1)
      .find(({ name }) => name === "tenth-6.1")
      ?.args?.join(),
  );
  expect(new Set(pieces).size).toBe(PIECES);
  expect(pieces[0]).toBe(`--shard=1/${PIECES}`);
});

it("gives the gate's guest every file with a test that needs real VLAN ids", () => {
  const root = path.resolve(import.meta.dirname, "../..");
  const filters = all.find(({ name }) => name === "vlan-6.12")?.args ?? [];
  const tagged = globSync("test/kernel/**/*.test.ts", { cwd: root }).filter((file) =>
    /tags: (\[)?"vlan"/.test(readFileSync(path.join(root, file), "utf8")),
  );
  expect(tagged.length).toBeGreaterThan(5);
  expect(tagged.filter((file) => !filters.some((filter) => file.startsWith(filter)))).toEqual([]);
});
