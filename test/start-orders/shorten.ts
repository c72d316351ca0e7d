import type { Circumstances } from "./circumstances.ts";
import type { Order } from "./parts.ts";
import { play } from "./play.ts";

/** Leaves out parts, as long as the same violation is found without them: none of those that stay can be left out. */
export async function shorten(order: Order, circumstances: Circumstances, found: RegExp): Promise<Order> {
  for (const part of order) {
    const shorter = order.filter((one) => one !== part);
    const { violations } = await play(shorter, circumstances);
    if (violations.some((violation) => found.test(violation))) return shorten(shorter, circumstances, found);
  }
  return order;
}
