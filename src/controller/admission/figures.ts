import type { Metrics } from "../../telemetry/metrics.ts";
import type { ReviewServerOptions } from "./server.ts";

/** Seconds. From the caches an answer takes a millisecond, with a read of a ServiceAccount some more. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 3];

const KINDS = ["asks", "unchanged", "undecided", "refused", "failed"] as const;

/** Registers the webhook's metrics; returns what notes an answer. */
export function webhookFigures(
  metrics: Metrics,
  expiresAt: () => number | undefined,
): ReviewServerOptions["answered"] {
  const counts = new Map<string, number>(KINDS.map((kind) => [kind, 0]));
  metrics.counter(
    {
      name: "branchline_webhook_answers_total",
      help: "Answers to reviews of pods: asks (for a branch from now on), unchanged, undecided, refused, failed.",
      label: "answer",
    },
    () => counts,
  );
  metrics.gauge(
    {
      name: "branchline_webhook_certificate_expiry_timestamp_seconds",
      help: "When the certificate in use expires, in seconds since 1970; 0 without one.",
    },
    () => Math.floor((expiresAt() ?? 0) / 1000),
  );
  const seconds = metrics.seconds(
    { name: "branchline_webhook_seconds", help: "From a review to its answer.", label: "answer" },
    BUCKETS,
  );
  return (kind, took) => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    seconds(kind, took);
  };
}
