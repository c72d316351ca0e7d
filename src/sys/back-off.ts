/**
 * How long to wait after so many failures in a row (1 or more), in milliseconds: doubled from `firstMs` to `longestMs`, the
 * upper half of it at random.
 */
export function backOff(
  { firstMs, longestMs }: { readonly firstMs: number; readonly longestMs: number },
  failures: number,
  random: () => number,
): number {
  const most = Math.min(longestMs, firstMs * 2 ** (failures - 1));
  return most / 2 + (most / 2) * random();
}
