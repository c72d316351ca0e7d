/** Time as the code here needs it; tests put in one that they move by hand. */
export interface Clock {
  /** Milliseconds since a fixed point, never going back. */
  now(): number;
  /** Blocks the thread for so many milliseconds. */
  sleep(milliseconds: number): void;
}

export const systemClock: Clock = {
  // Not performance.now(): Node loads perf_hooks when it is first asked for, which costs a millisecond of every start.
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  sleep(milliseconds) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
};

/** Tries until it gives something other than undefined, or the time is up (then undefined). */
export function poll<T>(
  clock: Clock,
  limitMs: number,
  intervalMs: number,
  attempt: () => T | undefined,
): T | undefined {
  const deadline = clock.now() + limitMs;
  for (;;) {
    const value = attempt();
    if (value !== undefined || clock.now() >= deadline) return value;
    clock.sleep(intervalMs);
  }
}

/**
 * Milliseconds since 1970 as Date's toISOString has them (years 1970 to 9999). The first use of Date reads the machine's
 * time zone, which takes a millisecond and is of no use here.
 */
export function timestamp(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY);
  const rest = milliseconds - days * DAY;
  // Years that begin on the first of March, so that the odd day comes last: 400 of them have 146097 days, a leap year
  // comes each 1461 and is left out each 36524 days; five months from there have 153 days.
  const since = days + 719_468;
  const era = Math.floor(since / 146_097);
  const day = since - era * 146_097;
  const year = Math.floor(
    (day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365,
  );
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const date = [
    padded(era * 400 + year + (month < 10 ? 0 : 1), 4),
    padded(month < 10 ? month + 3 : month - 9, 2),
    padded(dayOfYear - Math.floor((153 * month + 2) / 5) + 1, 2),
  ];
  const time = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1_000) % 60];
  return `${date.join("-")}T${time.map((part) => padded(part, 2)).join(":")}.${padded(rest % 1_000, 3)}Z`;
}

const DAY = 86_400_000;

function padded(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
