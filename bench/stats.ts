/** Figures of one point: the minimum is what the work costs, the median what a pod sees, the spread how noisy it was. */
export interface Figures {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  /** 90th percentile. */
  readonly p90: number;
}

export function figuresOf(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    min: round(at(sorted, 0)),
    median: round(at(sorted, 0.5)),
    p90: round(at(sorted, 0.9)),
  };
}

/** The median of what `compare` says of the samples of each round. */
export function pairwise(
  a: readonly number[],
  b: readonly number[],
  compare: (a: number, b: number) => number,
): number {
  return figuresOf(a.map((value, i) => compare(value, b[i] ?? Number.NaN))).median;
}

/** How much of one point is another, by their medians in the same run. */
export function ratio(a: Figures, b: Figures): number {
  return Math.round((a.median / b.median) * 100) / 100;
}

/** The value below which this share of them is. */
export function shareOf(values: readonly number[], share: number): number {
  return round(
    at(
      values.toSorted((a, b) => a - b),
      share,
    ),
  );
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** To two digits after the point. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
