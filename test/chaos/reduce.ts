/**
 * The shortest sequence, or nearly, that still fails: chunks are left out, then smaller ones, then single operations, as
 * long as what is left fails (delta debugging: Zeller and Hildebrandt, 2002). It ends when no single one can be left out,
 * or when the time is over.
 */
export async function reduce<T>(
  sequence: readonly T[],
  fails: (shorter: readonly T[]) => Promise<boolean>,
  isTimeOver: () => boolean = () => false,
): Promise<{ readonly sequence: readonly T[]; readonly tries: number; readonly whole: boolean }> {
  let left = sequence;
  let tries = 0;
  for (let size = Math.ceil(left.length / 2); size >= 1;) {
    let isShorter = false;
    // From the end: what was done last matters most, and what comes before it is left out in larger pieces.
    for (let end = left.length; end > 0 && left.length > 1; end -= size) {
      if (isTimeOver()) return { sequence: left, tries, whole: false };
      const shorter = [...left.slice(0, Math.max(0, end - size)), ...left.slice(end)];
      if (shorter.length === 0) continue;
      tries += 1;
      if (!(await fails(shorter))) continue;
      left = shorter;
      isShorter = true;
    }
    if (size === 1 && !isShorter) break;
    size = Math.min(Math.max(1, Math.ceil(size / 2)), Math.ceil(left.length / 2));
    if (left.length === 1) break;
  }
  return { sequence: left, tries, whole: true };
}
