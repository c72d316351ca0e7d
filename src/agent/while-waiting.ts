import { LinkedAbort } from "../sys/linked-abort.ts";
import { type Timer, pause } from "../sys/timer.ts";

/** Between two looks. */
const LOOK_MS = 1_000;

/**
 * Waits for the promise, and calls `look` now and then until it is settled. Not by Promise.race: each one leaves something
 * with a promise that stays pending, which it may for days.
 */
export async function whileWaiting<T>(
  promise: Promise<T>,
  timer: Timer,
  signal: AbortSignal,
  look: () => void,
): Promise<T> {
  using over = new LinkedAbort(signal);
  const end = () => over.abort(new Error("it is over"));
  promise.then(end, end);
  for (;;) {
    await pause(timer, LOOK_MS, over.signal);
    if (over.signal.aborted) return promise;
    look();
  }
}
