import type { Item } from "./plan.ts";

/** A row for each interface: what it is, whose, and what becomes of it. */
export function rowsOf(
  items: readonly Item[],
  failures: ReadonlyMap<string, string>,
): readonly (readonly string[])[] {
  return items.map(({ id, kind, subnet, instance, state, stays }) => [
    id,
    kind,
    subnet,
    instance === undefined ? "-" : `${instance} (${state})`,
    stays === undefined ? (failures.get(id) ?? "delete") : `leave: ${stays}`,
  ]);
}

const HEAD = ["INTERFACE", "KIND", "SUBNET", "INSTANCE", "WHAT"];

/** Lines with columns of one width each; none without rows. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
