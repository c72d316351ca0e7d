/**
 * At most `most` of many, spread over all of them: another choice each turn, so that as many turns in a row as there are
 * choices cover everything. Of a run of like ones each choice has one, another one each time.
 */
export function choose<T>(runs: readonly (readonly T[])[], most: number, turn: number): T[] {
  const choices = Math.ceil(runs.length / most);
  const round = Math.floor(turn / choices);
  return runs
    .filter((_, index) => index % choices === turn % choices)
    .flatMap((run) => run.slice(round % run.length, (round % run.length) + 1));
}
