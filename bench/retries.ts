import { Random } from "../test/chaos/random.ts";

/**
 * How kubelet tries a pod again whose sandbox failed, by its source (1.36.3): after 10 s and up to half as much at random
 * (pkg/kubelet/pod_workers.go, completeWork), and at once when the pod was changed meanwhile, annotations included
 * (pkg/kubelet/config/config.go, podsDifferSemantically).
 */
const PERIOD_MS = 10_000;
const JITTER = 0.5;
const STEPS = 10_000;

export interface Retried {
  /** Sandboxes that failed before. */
  readonly failed: number;
  /** From the annotation to the try that succeeds, if only time wakes kubelet. */
  readonly byTimeMs: number;
}

/** For a pod that is first tried at 0, and whose annotation kubelet has after so long. */
export function retriesOf(seed: number, annotatedAt: number): Retried {
  const random = new Random(seed);
  let at = 0;
  let failed = 0;
  while (at < annotatedAt) {
    failed += 1;
    at += PERIOD_MS * (1 + (JITTER * random.below(STEPS)) / STEPS);
  }
  return { failed, byTimeMs: at - annotatedAt };
}
