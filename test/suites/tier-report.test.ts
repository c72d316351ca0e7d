import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { suites, type Suite } from "./manifest.ts";
import { pageOf, readPage } from "./tier-report.ts";

const PAGE = path.resolve(import.meta.dirname, "../../docs/test-all.md");

const suite = (name: string, place: Suite["place"] = "here", tiers: Suite["tiers"] = ["all"]): Suite => ({
  part: "plugin",
  name,
  tiers,
  place,
  projects: ["unit"],
  bound: 1,
  why: `why ${name}`,
});

const PRINTED = {
  tier: "all",
  commit: "c0ffee",
  date: "2026-11-28",
  lines: [
    "unit: 3 passed, 0 failed, 0.4 min, ok",
    "kernel-6.1 (6.1.0-56-amd64): 1 passed, 1 failed, 0.4 min, NOT OK: 1 failed",
    "plugin: 87.5 min",
    "4 passed, 1 failed",
  ],
} as const;

it("names each suite of the tier, and says which were not part of the run", () =>
  expect(
    pageOf({
      ...PRINTED,
      manifest: [
        suite("unit"),
        suite("kernel-6.1", "6.1"),
        suite("new"),
        suite("plugin"),
        suite("short", "here", ["gate"]),
      ],
    })
      .split("\n")
      .filter((line) => line.startsWith("- ")),
  ).toEqual([
    "- `unit`, here: why unit",
    "- `kernel-6.1`, in a guest with Linux 6.1: why kernel-6.1",
    "- `new`, here: why new. **It was not part of that run.**",
    // The part of that name has minutes, and no result.
    "- `plugin`, here: why plugin. **It was not part of that run.**",
  ]));

it("what a page says of its run stays as it is", () => {
  const { commit, date, lines } = PRINTED;
  expect(readPage(pageOf({ ...PRINTED, manifest: [suite("unit")] }))).toEqual({ commit, date, lines });
  expect(() => readPage("# Another page\n")).toThrow("no commit");
});

/** UPDATE_SUITES=1 writes the list of suites anew; the results stay. */
it("docs/test-all.md has the suites of the manifest", () => {
  const page = readFileSync(PAGE, "utf8");
  const wanted = pageOf({ tier: "all", ...readPage(page), manifest: suites(1) });
  if (process.env["UPDATE_SUITES"] === "1") writeFileSync(PAGE, wanted);
  expect(readFileSync(PAGE, "utf8")).toBe(wanted);
});
