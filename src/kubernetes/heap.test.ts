import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Heap } from "./heap.ts";

interface Item {
  readonly value: number;
}

it("gives the first, whatever was added and taken out before", () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ removeAt: fc.nat({ max: 30 }) }),
    fc.constant({ pop: true }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new Heap<Item>((a, b) => a.value < b.value);
      const held: Item[] = [];
      for (const one of steps) {
        if ("add" in one) {
          const item = { value: one.add };
          held.push(item);
          heap.add(item);
        } else {
          const item = "pop" in one ? heap.first() : held[one.removeAt];
          if (item === undefined) continue;
          if (!heap.remove(item)) throw new Error("it was there");
          held.splice(held.indexOf(item), 1);
        }
        expect(heap.size).toBe(held.length);
        expect(heap.first()?.value).toBe(held.map(({ value }) => value).sort((a, b) => a - b)[0]);
      }
    }),
  );
});

it("gives all that is left in order, after any of them were taken out", () => {
  const values = fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 20, maxLength: 60 });
  const places = fc.array(fc.nat({ max: 59 }), { maxLength: 20 });
  fc.assert(
    fc.property(values, places, (numbers, removals) => {
      const heap = new Heap<Item>((a, b) => a.value < b.value);
      const items = numbers.map((value) => ({ value }));
      for (const item of items) heap.add(item);
      const gone = new Set(removals.flatMap((place) => items[place] ?? []));
      for (const item of gone) heap.remove(item);
      const given: number[] = [];
      for (let item = heap.first(); item !== undefined; item = heap.first()) {
        heap.remove(item);
        given.push(item.value);
      }
      const left = items.filter((item) => !gone.has(item)).map(({ value }) => value);
      expect(given).toEqual(left.sort((a, b) => a - b));
    }),
  );
});

it("has an item once, and says whether", () => {
  const heap = new Heap<Item>((a, b) => a.value < b.value);
  const item = { value: 1 };
  expect(heap.remove(item)).toBe(false);
  heap.add(item);
  expect(heap.has(item)).toBe(true);
  expect(() => heap.add(item)).toThrow("it is there already");
});
