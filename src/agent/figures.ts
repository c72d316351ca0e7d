import type { CacheState } from "../kubernetes/cache.ts";
import { Metrics } from "../telemetry/metrics.ts";
import type { Conditions } from "./conditions.ts";

/** The agent's metrics: what each is called, and where its figure comes from. */

/** Seconds. An answer for a pod without a branch takes a millisecond; a late annotation up to the plugin's 30 seconds. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60];

export interface Sources {
  readonly version: string;
  readonly conditions: Conditions;
  /** By the plural of their resource. */
  readonly caches: () => Iterable<readonly [plural: string, state: CacheState]>;
  /** Milliseconds, of the clock of `heardAt`. */
  readonly now: () => number;
  readonly attachments: () => number;
  readonly escaped: () => number;
  readonly unenforced: () => number;
  readonly repairs: () => number;
  readonly restored: () => number;
  readonly collected: () => number;
}

export interface AgentMetrics {
  readonly metrics: Metrics;
  /** Notes an answer by its kind, and the seconds since the question. */
  readonly answered: (kind: string, seconds: number) => void;
}

export function agentMetrics(sources: Sources, warn: (message: string) => void): AgentMetrics {
  const metrics = new Metrics(warn);
  const gauge = (name: string, help: string, read: () => number) =>
    metrics.gauge({ name: `branchline_agent_${name}`, help }, read);
  const counter = (name: string, help: string, read: () => number) =>
    metrics.counter({ name: `branchline_agent_${name}`, help }, read);
  metrics.gauge(
    { name: "branchline_build_info", help: "Always 1; the label has the version.", label: "version" },
    () => [[sources.version, 1]],
  );
  metrics.gauge(
    {
      name: "branchline_agent_condition",
      help: "Whether a condition of /readyz is true: 1 or 0.",
      label: "condition",
    },
    () => sources.conditions.all().map(([name, { isTrue }]) => [name, isTrue ? 1 : 0] as const),
  );
  metrics.gauge(
    {
      name: "branchline_agent_cache_age_seconds",
      help: "Since the API server last said something about the resource; absent before it did.",
      label: "resource",
    },
    () => agesOf(sources),
  );
  gauge("attachments", "Branches that the node's records say are attached.", sources.attachments);
  gauge("escaped_pods", "Running pods without the branch that they should have.", sources.escaped);
  gauge(
    "unenforced_pods",
    "Running pods with the direct datapath that an enforced NetworkPolicy selects.",
    sources.unenforced,
  );
  counter("list_repairs_total", "How often our list was not what it should be.", sources.repairs);
  counter("routes_restored_total", "Pods whose lost routes were put back.", sources.restored);
  counter("collected_total", "Attachments of dead pods that were detached.", sources.collected);
  const answered = metrics.seconds(
    {
      name: "branchline_agent_answer_seconds",
      help: "From the plugin's question to the answer, by the kind of answer.",
      label: "answer",
    },
    BUCKETS,
  );
  return { metrics, answered };
}

function* agesOf({ caches, now }: Sources): Generator<readonly [string, number]> {
  for (const [plural, { heardAt }] of caches()) {
    if (heardAt !== undefined) yield [plural, (now() - heardAt) / 1000];
  }
}
