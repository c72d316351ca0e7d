import { play, type Run } from "./run.ts";

/** Plays of a run that is being shortened: enough for a hundredth of it to be left. */
const MOST_PLAYS = 150;

/** The run's fault with a shorter run that has a fault as well, in one text: its steps can be played again. */
export async function shortened(run: Run, fault: string): Promise<string> {
  let { steps } = run;
  let plays = 0;
  let last = fault;
  for (let size = Math.ceil(steps.length / 2); size >= 1 && plays < MOST_PLAYS; size = Math.floor(size / 2)) {
    for (let at = 0; at < steps.length && plays < MOST_PLAYS;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      plays += 1;
      const { faults } = await play({ ...run, steps: fewer });
      if (faults[0] === undefined) at += size;
      else {
        steps = fewer;
        last = faults[0];
      }
    }
  }
  const words = steps.map(({ what, pick }) => `${what} ${pick}`).join(", ");
  return `${last}; ${steps.length} of ${run.steps.length} steps: ${words}`;
}
