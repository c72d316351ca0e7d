import type { CacheState } from "../kubernetes/cache.ts";
import type { BudgetFigures } from "../ec2/budget.ts";
import type { EndedCall } from "../ec2/port.ts";
import type { Condition } from "../telemetry/conditions.ts";
import { Metrics } from "../telemetry/metrics.ts";

/** The controller's metrics: what each is called, and where its figure comes from. Never an object's name as a label. */

/** Seconds. */
const CALL_BUCKETS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From a pass that is due to its begin, and from what changed to the first action. */
const QUEUE_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

export interface Sources {
  readonly version: string;
  readonly conditions: { all(): readonly (readonly [string, Condition])[] };
  readonly caches: () => Iterable<readonly [plural: string, state: CacheState]>;
  /** Milliseconds, of the clock of `heardAt`. */
  readonly now: () => number;
  readonly isLeader: () => boolean;
  readonly queueDepth: () => number;
  readonly oldestPass: () => number;
  /** Branches by state. */
  readonly branches: () => ReadonlyMap<string, number>;
  readonly trunks: () => number;
  readonly budgets: () => Iterable<readonly [action: string, figures: BudgetFigures]>;
  readonly evicted: () => number;
  readonly policyStatuses: () => number;
}

export interface ControllerMetrics {
  readonly metrics: Metrics;
  readonly actionEnded: (kind: string, outcome: string, milliseconds: number) => void;
  readonly callEnded: (call: EndedCall) => void;
  readonly passBegan: (waitedSeconds: number) => void;
}

export function controllerMetrics(sources: Sources, warn: (message: string) => void): ControllerMetrics {
  const metrics = new Metrics(warn);
  const name = (rest: string) => `branchline_controller_${rest}`;
  metrics.gauge(
    { name: "branchline_build_info", help: "Always 1; the label has the version.", label: "version" },
    () => [[sources.version, 1]],
  );
  metrics.gauge(
    { name: name("condition"), help: "Whether a condition of /readyz is true: 1 or 0.", label: "condition" },
    () => sources.conditions.all().map(([condition, { isTrue }]) => [condition, isTrue ? 1 : 0] as const),
  );
  metrics.gauge(
    {
      name: name("cache_age_seconds"),
      help: "Since the API server last said something about the resource; absent before it did.",
      label: "resource",
    },
    () => agesOf(sources),
  );
  metrics.gauge({ name: name("leader"), help: "1 for the replica that acts." }, () =>
    Number(sources.isLeader()),
  );
  metrics.gauge(
    { name: name("queue_depth"), help: "Instances that wait for a decision." },
    sources.queueDepth,
  );
  metrics.gauge(
    { name: name("oldest_pass_seconds"), help: "Of the oldest decision that is being made." },
    sources.oldestPass,
  );
  metrics.gauge({ name: name("branches"), help: "Branches by state.", label: "state" }, () =>
    sources.branches(),
  );
  metrics.gauge({ name: name("trunks"), help: "Trunks that are attached." }, sources.trunks);
  metrics.counter(
    { name: name("evictions_total"), help: "Refused and escaped pods that were evicted." },
    sources.evicted,
  );
  metrics.counter(
    { name: name("policy_statuses_total"), help: "Statuses of policies that were written." },
    sources.policyStatuses,
  );
  const ofBudgets = (rest: string, help: string, read: (figures: BudgetFigures) => number) =>
    metrics.counter({ name: name(rest), help, label: "action" }, () =>
      [...sources.budgets()].map(([action, figures]) => [action, read(figures)] as const),
    );
  ofBudgets("ec2_calls_total", "Calls to EC2 that were given a token.", ({ calls }) => calls);
  ofBudgets(
    "ec2_waited_seconds_total",
    "What calls have waited for a token.",
    ({ waitedSeconds }) => waitedSeconds,
  );
  ofBudgets("ec2_throttled_total", "Calls that EC2 has refused as too many.", ({ throttled }) => throttled);
  const seconds = metrics.seconds(
    { name: name("ec2_seconds"), help: "Of a call to EC2, by how it ended.", label: "outcome" },
    CALL_BUCKETS,
  );
  const action = metrics.seconds(
    {
      name: name("action_seconds"),
      help: "Of an action, with its wait for tokens, by kind and end.",
      label: "action",
    },
    CALL_BUCKETS,
  );
  const waited = metrics.seconds(
    { name: name("queue_seconds"), help: "From when a decision is due until it is made." },
    QUEUE_BUCKETS,
  );
  return {
    metrics,
    actionEnded: (kind, outcome, milliseconds) => action(`${kind} ${outcome}`, milliseconds / 1000),
    callEnded: ({ outcome, seconds: took }) => seconds(outcome, took),
    passBegan: (waitedSeconds) => waited("", waitedSeconds),
  };
}

function* agesOf({ caches, now }: Sources): Generator<readonly [string, number]> {
  for (const [plural, { heardAt }] of caches()) {
    if (heardAt !== undefined) yield [plural, (now() - heardAt) / 1000];
  }
}
