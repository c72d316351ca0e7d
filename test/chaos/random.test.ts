import { expect, test } from "vitest";
import { Random } from "./random.ts";

test("the same seed gives the same numbers, another one others", () => {
  const numbers = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 8 }, () => random.below(1000));
  };
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
  // Sequences of earlier versions stay what they were.
  expect(numbers(1)).toEqual([627, 2, 527, 981, 968, 281, 612, 720]);
});

test("each number below the limit comes about as often", () => {
  const random = new Random(3);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 10_000; i += 1) {
    const number = random.below(10);
    counts[number] = (counts[number] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("what weighs nothing never comes", () => {
  const random = new Random(5);
  const seen = new Set(
    Array.from({ length: 1000 }, () => random.weighted({ often: 3, never: 0, seldom: 1 })),
  );
  expect([...seen].sort()).toEqual(["often", "seldom"]);
});
