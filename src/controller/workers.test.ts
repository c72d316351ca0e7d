import { expect, it } from "vitest";
import { branchOf, SETTINGS } from "../../test/unit/view.ts";
import type { Description } from "./description.ts";
import type { Ports } from "./ports.ts";
import { Workers } from "./workers.ts";

const { eni } = branchOf();
const description = (askedAt: number): ReadonlyMap<string, Description> => {
  const branch = { eni, vlan: 1, association: "a", pod: undefined, home: undefined };
  return new Map([["i-1", { askedAt, branches: [branch], trunks: [] }]]);
};
const workers = () =>
  new Workers(() => ({
    settings: SETTINGS,
    ports: {} as Ports,
    moment: () => ({ now: 0, random: () => 0 }),
    changed: () => undefined,
    note: () => undefined,
    learned: () => undefined,
    ended: () => undefined,
    mayAct: () => true,
    signal: new AbortController().signal,
  }));
const seen = (all: Workers, instance: string) => all.of(instance).ledger.branches.get(eni.id)?.seen;

it("each description counts once, for workers that were there and for those that it brings", () => {
  const all = workers();
  all.of("i-0");
  all.describe(0, description(0));
  expect(seen(all, "i-1")).toBe(1);
  expect(all.areUncertain).toBe(true);
  all.describe(1, description(1));
  expect([seen(all, "i-1"), seen(all, "i-0")]).toEqual([2, undefined]);
});

it("a worker that comes later is told of the last one, once", () => {
  const all = workers();
  all.describe(0, new Map());
  all.describe(1, description(1));
  expect(seen(all, "i-1")).toBe(1);
});
