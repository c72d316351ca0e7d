const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration such as 15s or 2m; undefined if it is none. */
export function readDuration(text: string): number | undefined {
  const [, number, unit = ""] = /^(\d{1,7})(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return factor === undefined ? undefined : Number(number) * factor;
}
