import { quote } from "./json.ts";

/** The known word closest to a mistyped one, by edit distance and ignoring case. */
export function nearest(word: string, known: readonly string[]): string {
  let best = "";
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** The known word that was meant by a mistyped one; undefined when none is like it. */
export function closeTo(word: string, known: readonly string[]): string | undefined {
  const close = nearest(word, known);
  const isClose = editDistance(word.toLowerCase(), close.toLowerCase()) <= Math.ceil(close.length / 3);
  return close !== "" && isClose ? close : undefined;
}

/** The end of a sentence about a name that there is not: `; did you mean "web-0"?`, or nothing when none is like it. */
export function didYouMean(name: string, names: readonly string[]): string {
  const close = closeTo(name, names);
  return close === undefined ? "" : `; did you mean ${quote(close)}?`;
}

/** Levenshtein distance, computed row by row. */
export function editDistance(from: string, to: string): number {
  // A configuration key may have any length; its first characters are enough.
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
