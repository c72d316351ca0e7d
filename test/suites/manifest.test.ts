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
