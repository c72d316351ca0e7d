import { play, type Run, textOf } from "./run.ts";

/** The run's fault with a shorter run that has the same kind of fault, in one text: its steps can be played again. */
export async function shortened(run: Run, fault: string, mostPlays = 600): Promise<string> {
  const kind = kindOf(fault);
  // What came after the fault is not needed.
  const last = /^step (\d+): /.exec(fault)?.[1];
  let steps = last === undefined ? run.steps : run.steps.slice(0, Number(last) + 1);
  let plays = 0;
  let told = fault;
  let size = Math.ceil(steps.length / 2);
  while (size >= 1 && plays < mostPlays) {
    const before = steps.length;
    for (let at = 0; at < steps.length && plays < mostPlays;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      plays += 1;
      const { faults } = await play({ ...run, steps: fewer });
      const same = faults.find((one) => kindOf(one) === kind);
      if (same === undefined) at += size;
      else {
        steps = fewer;
        told = same;
      }
    }
    // A step may have been needed by one alone that has gone since.
    if (size > 1 || steps.length === before) size = Math.floor(size / 2);
  }
  return `${told}; ${steps.length} of ${run.steps.length} steps: ${textOf(steps)}`;
}

/** The fault without what is another one's in another run: when, and names. */
export function kindOf(fault: string): string {
  return fault.replace(/^step \d+: /, "").replaceAll(/\b(?:eni|uid|sg|trunk-assoc)-[0-9a-f]+\b|\d+/g, "N");
}
