/** Of some known words, the one that a mistyped word most likely meant: least edit distance, case aside. */
export function nearest(word: string, known: readonly string[]): string {
  let best = "";
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Insertions, deletions and substitutions that turn one word into the other (Levenshtein), row by row. */
export function editDistance(from: string, to: string): number {
  // A key of the configuration may be of any length; its first characters tell enough.
  const source = from.slice(0, 64);
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < source.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const substituted = (row[j] ?? 0) + (source[i] === to[j] ? 0 : 1);
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
