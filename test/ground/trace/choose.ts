/**
 * So many of many, spread over all of them: another choice each turn, so that as many turns in a row as there are choices
 * cover everything. Of a run of like ones each choice has one, another one each time.
 */
export function choose<T>(runs: readonly (readonly T[])[], many: number, turn: number): T[] {
  const choices = Math.ceil(runs.length / many);
  const round = Math.floor(turn / choices);
  // In how many turns it is one's turn. A choice that has too few of its own has some of the next one's.
  const wait = (index: number) => (choices + (index % choices) - (turn % choices)) % choices;
  return [...runs.entries()]
    .toSorted(([a], [b]) => wait(a) - wait(b))
    .slice(0, many)
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, run]) => run.slice(round % run.length, (round % run.length) + 1));
}
