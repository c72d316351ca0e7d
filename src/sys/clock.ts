/** The clock interface; tests use one that they advance by hand. */
export interface Clock {
  /** Monotonic time in milliseconds. */
  now(): number;
  /** Blocks the thread. */
  sleep(milliseconds: number): void;
}

export const systemClock: Clock = {
  // Not performance.now(): its first use loads perf_hooks, which takes a millisecond.
  now() {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  },
  sleep(milliseconds) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  },
};

/** Calls `attempt` until it returns something other than undefined; undefined after the timeout. */
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
 * Formats milliseconds since 1970 like Date's toISOString (years 1970 to 9999). We avoid Date because its first use loads
 * the time zone, which takes a millisecond.
 */
export function timestamp(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY);
  const rest = milliseconds - days * DAY;
  // Counts years from 1 March, so that the leap day comes last: 400 years have 146097 days, 100 years 36524, 4 years 1461,
  // and five months from March 153.
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
