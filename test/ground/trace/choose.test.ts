import { expect, it } from "vitest";
import { choose } from "./choose.ts";

const runs = [["a"], ["b1", "b2", "b3"], ["c"], ["d"], ["e"], ["f"], ["g"]];

it("has so many, or all, in their order", () => {
  expect(choose(runs, 3, 0)).toEqual(["a", "d", "g"]);
  expect(choose(runs, 3, 1)).toEqual(["b1", "c", "e"]);
  expect(choose(runs, 3, 2)).toEqual(["a", "c", "f"]);
  expect(choose(runs, 100, 0)).toHaveLength(runs.length);
});

it("covers all of them in turns, and of a run another one in each round", () => {
  const turns = Array.from({ length: 9 }, (_, turn) => choose(runs, 3, turn)).flat();
  expect(new Set(turns)).toEqual(new Set(runs.flat()));
});
