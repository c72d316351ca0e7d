import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "./clock.ts";

/** Time for parts that wait without blocking the thread; tests use one that they advance by hand. */
export interface Timer {
  /** Monotonic time in milliseconds. */
  now(): number;
  /** Rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** Sleeps, but ends early and without an error when the signal is aborted. */
export async function pause(timer: Timer, milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await timer.sleep(milliseconds, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** setTimeout takes no more; a longer sleep is several. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemTimer: Timer = {
  now: () => systemClock.now(),
  async sleep(milliseconds, signal) {
    for (let left = milliseconds; ; left -= LONGEST_MS) {
      signal.throwIfAborted();
      try {
        await delay(Math.max(0, Math.min(left, LONGEST_MS)), undefined, { signal });
      } catch (error) {
        // Node rejects with an AbortError of its own, which hides the reason.
        signal.throwIfAborted();
        throw error;
      }
      if (left <= LONGEST_MS) return;
    }
  },
};
