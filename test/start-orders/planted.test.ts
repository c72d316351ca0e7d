import { afterAll, afterEach, describe, expect, it } from "vitest";
import "./in-place.ts";
import { PLANTS, type Plant, plant } from "./plants.ts";
import { PLAIN } from "./circumstances.ts";
import { type Order, ordersOf } from "./parts.ts";
import { patience } from "./patience.ts";
import { play } from "./play.ts";
import { shorten } from "./shorten.ts";

/** Orders that are tried at most; a defect shows in most of those in which it can. */
const TRIES = 150;

/** Far apart among all orders, so that neighbours do not begin alike. */
const ORDERS = ordersOf();
const some = Array.from({ length: TRIES }, (_, i) => ORDERS[(i * 1_733) % ORDERS.length] ?? []);

const lines: string[] = [];

async function firstIn({ found, where }: Plant): Promise<Order | undefined> {
  for (const order of some) {
    const { violations } = await play(order, { ...PLAIN, ...where });
    if (violations.some((violation) => found.test(violation))) return order;
  }
  return undefined;
}

describe("a defect that is planted", () => {
  afterEach(() => plant(undefined));
  afterAll(() => console.log(lines.join("\n")));

  it.each(PLANTS)("$defect", patience, async (one) => {
    plant(one);
    const order = await firstIn(one);
    expect(order).toBeDefined();
    const circumstances = { ...PLAIN, ...one.where };
    const shortest = await shorten(order ?? [], circumstances, one.found);
    const { violations } = await play(shortest, circumstances);
    lines.push(`${one.defect}\n    ${shortest.join(", ")}: ${violations[0]}`);
    // It is the defect that is found, and nothing else.
    plant(undefined);
    expect((await play(order ?? [], circumstances)).violations).toEqual([]);
  });
});
