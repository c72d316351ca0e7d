// Names for what a process does to files, the same in each run.

/** The n-th operation of its name, from 1. */
export interface Operation {
  readonly name: string;
  readonly nth: number;
}

/** Directories by the name that stands for them, such as {"bin": "/tmp/x/bin"}. */
export type Places = Readonly<Record<string, string>>;

/** On which side of an operation the process ends. */
export interface Cut extends Operation {
  readonly side: "before" | "after";
}

/** `rename net.d/.x.*.tmp → net.d/x`; undefined if nothing of it is in the places. */
export function nameOf(verb: string, paths: readonly string[], places: Places): string | undefined {
  const names = paths.map((path) => placed(path, places));
  if (names.every((name) => name === undefined)) return undefined;
  return `${verb} ${names.map((name, index) => steady(name ?? paths[index] ?? "")).join(" → ")}`;
}

function placed(path: string, places: Places): string | undefined {
  for (const [name, directory] of Object.entries(places)) {
    if (path === directory) return name;
    if (path.startsWith(`${directory}/`)) return `${name}${path.slice(directory.length)}`;
  }
  return undefined;
}

/** Without what differs from run to run: random digits and process ids in the names of temporary files. */
function steady(name: string): string {
  return name.replace(/\.[0-9a-f]{12}\.tmp$/, ".*.tmp").replace(/\.\d{2,}(\.tmp)?$/, ".*$1");
}

/**
 * Where a process that does these operations can be cut: before and after each. Of like ones in a row, such as the writes
 * of a large file, before each and after the last; they are one run, of others each cut is a run of its own.
 */
export function cutsOf(operations: readonly Operation[]): Cut[][] {
  const runs: Cut[][] = [];
  for (const [index, { name, nth }] of operations.entries()) {
    const before: Cut = { name, nth, side: "before" };
    if (operations[index - 1]?.name === name) runs.at(-1)?.push(before);
    else runs.push([before]);
    if (operations[index + 1]?.name !== name) runs.push([{ name, nth, side: "after" }]);
  }
  return runs;
}

/** Counts operations by name. */
export class Counts {
  readonly #counts = new Map<string, number>();

  /** The ordinal of this one among those of its name, from 1. */
  next(name: string): number {
    const nth = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, nth);
    return nth;
  }
}
