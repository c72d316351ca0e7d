import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { reduce } from "./reduce.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("reduce", () => {
  test.each([
    { needed: [37], from: 100 },
    { needed: [0, 99], from: 100 },
    { needed: [3, 4, 5, 60], from: 80 },
    { needed: [0], from: 1 },
  ])("finds $needed among $from", async ({ needed, from }) => {
    const fails = (some: readonly number[]) => Promise.resolve(needed.every((n) => some.includes(n)));
    const { sequence, whole } = await reduce(numbers(from), fails);
    expect({ sequence, whole }).toEqual({ sequence: needed, whole: true });
  });

  test("tries few: a single one of 512 in less than 30", async () => {
    const { tries } = await reduce(numbers(512), (some) => Promise.resolve(some.includes(200)));
    expect(tries).toBeLessThan(30);
  });

  test("stops when the time is over, with what still fails", async () => {
    let tries = 0;
    const fails = (some: readonly number[]) => Promise.resolve(some.includes(99));
    const { sequence, whole } = await reduce(numbers(100), fails, () => (tries += 1) > 3);
    expect(whole).toBe(false);
    expect(sequence).toContain(99);
    expect(sequence.length).toBeLessThan(100);
  });

  test("what is left fails, keeps its order, and not a single one can be left out", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 41, max: 90 }),
        // Only in this order.
        async (needed, count) => {
          const fails = (some: readonly number[]) => {
            const places = needed.toSorted((a, b) => a - b).map((n) => some.indexOf(n));
            return Promise.resolve(places.every((place, i) => place >= 0 && place > (places[i - 1] ?? -1)));
          };
          const { sequence } = await reduce(numbers(count), fails);
          expect(sequence).toEqual(sequence.toSorted((a, b) => a - b));
          expect(await fails(sequence)).toBe(true);
          const without = sequence.map((left) => sequence.filter((n) => n !== left));
          const failing = await Promise.all(without.map(fails));
          expect(failing.filter((still) => still && sequence.length > 1)).toEqual([]);
        },
      ),
    );
  });
});
