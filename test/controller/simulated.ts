// 100,000 steps of simulation, as tests of a file.
import { expect, it } from "vitest";
import { play, type Run } from "./run.ts";
import { shortened } from "./shorten.ts";

export const LENGTH = 400;
const RUNS = 250;
/** Tests of a file run one after another, and each says where it failed. */
const GROUPS = 10;
const GROUP_MS = 120_000;

/** `runOf`: the run of a seed. `about`: what all of them together have to have done, more than 20 times each. */
export function itHoldsInRuns(runOf: (seed: number) => Run, about: readonly string[]): void {
  const reached: Record<string, number> = {};

  it.each(Array.from({ length: GROUPS }, (_, i) => i * (RUNS / GROUPS)))(
    `${RUNS / GROUPS} runs of ${LENGTH} steps from seed %i`,
    async (first) => {
      for (let seed = first; seed < first + RUNS / GROUPS; seed += 1) {
        const run = runOf(seed);
        const { faults, counts } = await play(run);
        for (const [what, count] of Object.entries(counts)) reached[what] = (reached[what] ?? 0) + count;
        const told = faults.length === 0 ? "" : `seed ${seed}: ${await shortened(run, faults[0] ?? "")}`;
        expect(told).toBe("");
      }
    },
    GROUP_MS,
  );

  it("has reached what it is about", () => {
    for (const what of about) {
      expect(`${what} ${(reached[what] ?? 0) > 20}`).toBe(`${what} true`);
    }
  });
}
