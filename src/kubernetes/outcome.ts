import { backOff } from "../sys/back-off.ts";

/**
 * How a pass over a key ended:
 * - `done`: nothing is left to do; attempts are forgotten.
 * - `wait`: no error. Something else has to happen first: a moment (of the queue's timer, in milliseconds), or a change
 *   that somebody adds the key for. Attempts are forgotten.
 * - `retry`: it failed and may work the next time; not before the back-off of its kind, nor before `afterMs`, unless
 *   somebody adds the key.
 * - `never`: it fails until the object changes. Attempts are forgotten.
 * What a pass throws is a defect of ours.
 */
export type Outcome =
  | { readonly type: "done" }
  | { readonly type: "wait"; readonly until: number | "change"; readonly reason: string }
  | { readonly type: "retry"; readonly kind: RetryKind; readonly reason: string; readonly afterMs: number }
  | { readonly type: "never"; readonly reason: string };

/**
 * - `retry`: the other side's fault, the network's, or a state that passes.
 * - `conflict`: the decision was made on something old.
 * - `throttled`: a bucket is empty, which slows the whole API; the key itself is not made to wait longer each time.
 * - `denied`: policy, RBAC or credentials, which people have to change.
 */
export type RetryKind = "retry" | "conflict" | "throttled" | "denied";

export const done: Outcome = { type: "done" };

export function wait(until: number | "change", reason: string): Outcome {
  return { type: "wait", until: until === "change" ? until : aTime(until), reason };
}

export function retry(kind: RetryKind, reason: string, afterMs = 0): Outcome {
  return { type: "retry", kind, reason, afterMs: aTime(afterMs) };
}

export function never(reason: string): Outcome {
  return { type: "never", reason };
}

/** The upper half of each is at random, so a denied pass comes after one to two minutes at first. */
const BACK_OFF = {
  retry: { firstMs: 1_000, longestMs: 60_000 },
  conflict: { firstMs: 1_000, longestMs: 60_000 },
  throttled: { firstMs: 1_000, longestMs: 1_000 },
  denied: { firstMs: 120_000, longestMs: 600_000 },
} as const;

/** How long a key waits after its failures in a row (1 or more), in milliseconds. */
export function retryMs(
  { kind, afterMs }: { readonly kind: RetryKind; readonly afterMs: number },
  failures: number,
  random: () => number,
): number {
  return Math.max(afterMs, backOff(BACK_OFF[kind], failures, random));
}

/** A key must not be lost because somebody has reckoned with what is not there. */
function aTime(milliseconds: number): number {
  if (Number.isNaN(milliseconds)) throw new TypeError("a wait until NaN");
  return milliseconds;
}
