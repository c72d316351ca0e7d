import { describe, expect, it } from "vitest";
import { suites, type Suite } from "./manifest.ts";
import type { Outcome } from "./outcome.ts";
import { summarize, type Run } from "./summarize.ts";

const manifest = suites(3);
const unit = manifest.find(({ name }) => name === "unit") as Suite;
const binary = manifest.find(({ name }) => name === "binary") as Suite;

const report = {
  passed: 5,
  failed: 0,
  skipped: 0,
  success: true,
  seconds: 60,
  kernel: undefined,
  failures: [] as readonly string[],
};

function outcome(fields: Partial<Outcome> = {}): Outcome {
  return { suite: unit, report, seconds: 90, kernel: undefined, retried: [], defect: undefined, ...fields };
}

function run(fields: Partial<Run> = {}): Run {
  return {
    tier: "gate",
    piece: 3,
    manifest,
    outcomes: [outcome(), outcome({ suite: binary, kernel: "6.1.0", report: { ...report, skipped: 2 } })],
    bootedAgain: [],
    notChosen: [],
    orphans: [],
    minutes: [{ part: "plugin", minutes: 3.04 }],
    ...fields,
  };
}

it("has a line for each suite, what did not run, the minutes against the share, and the total last", () => {
  const { lines, ok } = summarize(run());
  expect(ok).toBe(true);
  expect(lines).toEqual([
    "unit: 5 passed, 0 failed, 1.5 min, ok",
    "binary (6.1.0): 5 passed, 0 failed, 2 filtered out, 1.5 min, ok",
    expect.stringMatching(
      /piece 3 of the kernel suite on 6\.1; make test-all also runs .*kernel-6\.12.*fuzz/,
    ),
    "plugin: 3.0 min of its 12 on two cores",
    "10 passed, 0 failed",
  ]);
});

describe("is no success", () => {
  it.each<{ when: string; fields: Partial<Run>; says: RegExp; total: string }>([
    { when: "nothing ran", fields: { outcomes: [] }, says: /no suite ran/, total: "0 passed, 1 failed" },
    {
      when: "a suite has no report",
      fields: { outcomes: [outcome({ report: undefined, defect: "no report" })] },
      says: /unit: .*NOT OK: no report/,
      total: "0 passed, 1 failed",
    },
    {
      when: "tests failed",
      fields: { outcomes: [outcome({ report: { ...report, failed: 2 }, defect: "2 failed" })] },
      says: /NOT OK: 2 failed/,
      total: "5 passed, 2 failed",
    },
    {
      when: "a test file is in no suite",
      fields: { orphans: ["test/new/x.test.ts"] },
      says: /NOT OK: test\/new\/x\.test\.ts is in no suite/,
      total: "10 passed, 1 failed",
    },
    {
      when: "more tests needed a second try than may",
      fields: {
        outcomes: [outcome({ retried: ["a"] }), outcome({ suite: binary, retried: ["b"] })],
      },
      says: /2 tests needed a second try; at most 1 may/,
      total: "10 passed, 1 failed",
    },
  ])("when $when", ({ fields, says, total }) => {
    const { lines, ok } = summarize(run(fields));
    expect(ok).toBe(false);
    expect(lines.join("\n")).toMatch(says);
    expect(lines.at(-1)).toBe(total);
  });
});

it("names the one test that needed a second try, and is a success", () => {
  const { lines, ok } = summarize(run({ outcomes: [outcome({ retried: ["f > t"] })] }));
  expect(ok).toBe(true);
  expect(lines).toContain("second try: unit: f > t");
});

it("names what failed just before the total, and of very much the beginning", () => {
  const failing = (failures: readonly string[]) =>
    summarize(run({ outcomes: [outcome({ report: { ...report, failed: failures.length, failures } })] }))
      .lines;
  expect(failing(["a", "b"]).slice(-3)).toEqual(["failed: unit: a", "failed: unit: b", "5 passed, 2 failed"]);
  expect(failing(Array.from({ length: 25 }, (_, i) => String(i))).slice(-3)).toEqual([
    "failed: unit: 19",
    "failed: 5 more",
    "5 passed, 25 failed",
  ]);
});

it("counts the guests that were booted again, and is a success", () => {
  const { lines, ok } = summarize(run({ bootedAgain: ["6.1", "6.12", "6.1"] }));
  expect(ok).toBe(true);
  expect(lines).toContain("booted again, before the guest had begun: 3 (6.1, 6.12, 6.1)");
});

it("says which suites were left out on purpose", () => {
  expect(summarize(run({ notChosen: ["native"] })).lines).toContain("left out on purpose: native");
});
