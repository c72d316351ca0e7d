import type { Plant } from "./kernel/plant.ts";
import type { Operation } from "./model/operation.ts";
import { reduce } from "./reduce.ts";
import { relatedToLast } from "./related.ts";
import { type Failure, from, run } from "./run.ts";

export interface Shortened {
  readonly sequence: readonly Operation[];
  /** What was seen when it was played at last; undefined when nothing was. */
  readonly failure: Failure | undefined;
  readonly tries: number;
  /** Not one operation more can be left out, or the time was over. */
  readonly whole: boolean;
}

/** Makes a sequence that fails shorter: first what has nothing to do with its last operation goes, then what can. */
export async function shorten(
  played: readonly Operation[],
  plant: Plant | undefined,
  seconds: number,
): Promise<Shortened> {
  const end = Date.now() + seconds * 1000;
  const isTimeOver = () => Date.now() > end;
  const again = async (sequence: readonly Operation[], hasty: boolean) => {
    const { failure } = await run(from(sequence), { plant, hasty });
    return failure;
  };
  const fails = async (sequence: readonly Operation[]) => {
    try {
      return (await again(sequence, true)) !== undefined;
    } catch {
      // What the defect has left is in the way of something else.
      return false;
    }
  };
  let start = played;
  for (const steps of [1, 2]) {
    const related = relatedToLast(played, steps);
    if (start !== played || related.length === played.length || isTimeOver()) continue;
    if (await fails(related)) start = related;
  }
  const reduced = await reduce(start, fails, isTimeOver);
  return { ...reduced, failure: await again(reduced.sequence, false) };
}
