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
