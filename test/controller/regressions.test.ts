import { expect, it } from "vitest";
import { REGRESSIONS } from "./regressions.ts";
import { play, stepsOf } from "./run.ts";

it.each(REGRESSIONS)("not any more: $was", async ({ seed, lag, steps }) => {
  expect((await play({ seed, lag, steps: stepsOf(steps) })).faults).toEqual([]);
});
