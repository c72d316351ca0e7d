import { lastingWords } from "../ec2/error.ts";
import { backOff } from "../sys/back-off.ts";

/** When something is decided, and chance: given from outside, so that a decision can be played again. */
export interface Moment {
  /** Monotonic, in milliseconds. */
  readonly now: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** What failed, and when to try again. */
export interface Retry {
  /** In a row. */
  readonly failures: number;
  readonly notBefore: number;
  /** In one line, for events and statuses: the same words for the same failure. The log has EC2's request id. */
  readonly why: string;
}

/**
 * Why an action did not succeed, by what to do about it. Those of EC2 and of the API server in one list:
 * - `gone`: what it names does not exist, or not yet.
 * - `spent`: the ClientToken stands for something that has been undone, or for another request.
 * - `conflict`: the object is not as the patch expects.
 * - `throttled`: not done; the bucket slows down by itself.
 * - `unknown`: no answer, or one that leaves open whether it was done.
 * - `wait`: not done; something has to become free first.
 * - `denied`: not done; a permission is missing.
 * - `invalid`: not done, and the same request will not be.
 */
export type FailureKind =
  "gone" | "spent" | "conflict" | "throttled" | "unknown" | "wait" | "denied" | "invalid";

export interface Failure {
  readonly kind: FailureKind;
  /** EC2's code or Kubernetes' reason. */
  readonly code: string;
  /** Quoting what was asked and answered. */
  readonly message: string;
  /** The permission that is missing, such as ec2:CreateNetworkInterface. */
  readonly action?: string;
}

/** Milliseconds: the first and the longest wait, by kind. */
const WAITS: Readonly<Record<FailureKind, readonly [first: number, longest: number]>> = {
  // A young thing becomes visible within seconds, seldom minutes.
  gone: [2_000, 60_000],
  spent: [100, 10_000],
  conflict: [100, 10_000],
  // The bucket itself makes the next call wait.
  throttled: [200, 5_000],
  unknown: [1_000, 60_000],
  wait: [5_000, 60_000],
  denied: [60_000, 300_000],
  invalid: [5_000, 300_000],
};

export function retryAfter(before: Retry | undefined, failure: Failure, { now, random }: Moment): Retry {
  const failures = (before?.failures ?? 0) + 1;
  const [firstMs, longestMs] = WAITS[failure.kind];
  const wait = backOff({ firstMs, longestMs }, failures, random);
  // A denied call is left alone for a whole minute.
  const least = failure.kind === "denied" ? firstMs : 0;
  return { failures, notBefore: now + Math.max(least, wait), why: lastingWords(failure.message) };
}
