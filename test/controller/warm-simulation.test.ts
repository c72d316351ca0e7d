// The decision with warm branches: 100,000 steps more, with two namespaces, recycling, edits of policies, and crashes.
import { expect, it } from "vitest";
import { play, runOf } from "./run.ts";
import { shortened } from "./shorten.ts";

const LENGTH = 400;
const RUNS = 250;
const GROUPS = 10;
const GROUP_MS = 120_000;

const reached: Record<string, number> = {};

it.each(Array.from({ length: GROUPS }, (_, i) => i * (RUNS / GROUPS)))(
  `${RUNS / GROUPS} runs of ${LENGTH} steps from seed %i`,
  async (first) => {
    for (let seed = first; seed < first + RUNS / GROUPS; seed += 1) {
      const run = runOf(seed, LENGTH, seed % 2 === 0 ? "warm" : "recycling");
      const { faults, counts } = await play(run);
      for (const [what, count] of Object.entries(counts)) reached[what] = (reached[what] ?? 0) + count;
      const told = faults.length === 0 ? "" : `seed ${seed}: ${await shortened(run, faults[0] ?? "")}`;
      expect(told).toBe("");
    }
  },
  GROUP_MS,
);

it("has reached what it is about", () => {
  for (const what of ["made warm", "warm", "recycled", "setGroups", "disassociate"]) {
    expect(`${what} ${(reached[what] ?? 0) > 20}`).toBe(`${what} true`);
  }
});
