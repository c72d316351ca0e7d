import { expect, it } from "vitest";
import { keyOfSet } from "./group-sets.ts";
import { countSets, mostLacking, sharesOf } from "./shares.ts";

const sets = ["a", "b", "c"].map((group, at) => ({ namespace: "shop", groups: [group], at }));
const recent = new Map(sets.map((set) => [keyOfSet("shop", set.groups), set]));
const of = (group: string) => keyOfSet("shop", [group]);

it("the newest have their share first, and all have one in turn", () => {
  expect(sharesOf(recent, 2)).toEqual(new Map([of("c"), of("b")].map((key) => [key, 1])));
  expect(sharesOf(recent, 7).get(of("c"))).toBe(3);
  expect(sharesOf(recent, 7).get(of("a"))).toBe(2);
  expect(sharesOf(new Map(), 7).size).toBe(0);
});

it("the next is of the set that lacks most", () => {
  const shares = sharesOf(recent, 6);
  const have = (...groups: string[]) =>
    countSets(groups.map((group) => ({ namespace: "shop", groups: [group] })));
  expect(mostLacking(recent, shares, have("c", "b"))?.groups).toEqual(["a"]);
  expect(mostLacking(recent, shares, have("a", "a", "b", "b", "c", "c"))).toBeUndefined();
});
