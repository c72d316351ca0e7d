// Chaos finds a defect when there is one, and says it in a handful of operations: a plugin that has one on purpose.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readSequence } from "../sequence.ts";
import { runChaos } from "./run.ts";

const out = mkdtempSync(path.join(tmpdir(), "chaos-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

describe.each([
  {
    plant: "forgotten-rule",
    says: /^ {2}(sb-\d+: )?\+ rule 4 \d+: .*$/m,
    // One that attaches, one that detaches.
    ops: ["add", "del"],
  },
  { plant: "everybody-gone", says: /^ {2}- answers code 102$/m, ops: ["add", "add"] },
])("a plugin with the defect $plant", ({ plant, says, ops }) => {
  const short = path.join(out, "2-short.json");

  test("is found, and the sequence made short", async () => {
    const args = ["--plant", plant, "--seed", "2", "--rounds", "100", "--reduce", "600", "--out", out];
    const { status, output } = await runChaos(...args);
    expect(status).toBe(1);
    expect(output).toMatch(/^FAILED in round \d+: /m);
    expect(output).toContain("seed 2");
    expect(output).toMatch(says);
    expect(readSequence(short).map(({ op }) => op)).toEqual(ops);
  });

  test("the short sequence fails again, and does not without the defect", async () => {
    const again = await runChaos("--plant", plant, "--replay", short, "--reduce", "0");
    expect({ status: again.status, output: again.output }).toEqual({
      status: 1,
      output: expect.stringMatching(says),
    });
    const without = await runChaos("--replay", short, "--reduce", "0");
    expect(without.status).toBe(0);
  });
});
