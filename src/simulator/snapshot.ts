import { Random } from "./model/random.ts";
import type { World } from "./model/types.ts";

const FORMAT = 4;

/**
 * The whole world as a line of JSON: maps are lists of pairs under `map`, sets lists under `set`. Keys' secrets are in
 * it.
 */
export function snapshotOf(world: World, now: number): string {
  const text = JSON.stringify({ format: FORMAT, now, world }, (_key, value: unknown) => {
    if (value instanceof Map) return { map: [...value] };
    if (value instanceof Set) return { set: [...value] };
    if (value instanceof Random) return { random: value.state };
    return value;
  });
  return `${text}\n`;
}

/** The world of a snapshot's text. Throws in one line. */
export function readSnapshot(text: string): World {
  const value = JSON.parse(text, (_key, one: unknown) => {
    if (typeof one !== "object" || one === null || Object.keys(one).length !== 1) return one;
    if ("map" in one && Array.isArray(one.map)) return new Map(one.map as [string, unknown][]);
    if ("set" in one && Array.isArray(one.set)) return new Set(one.set as unknown[]);
    if ("random" in one && typeof one.random === "number") return new Random(one.random);
    return one;
  }) as { format?: unknown; world?: World } | null;
  if (value?.format !== FORMAT || !(value.world?.interfaces instanceof Map)) {
    throw new TypeError(`it is no snapshot of format ${FORMAT}`);
  }
  return value.world;
}
