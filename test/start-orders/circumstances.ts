import { Random } from "../chaos/random.ts";

/** What else may be so in a run, besides the order. */
export interface Circumstances {
  /** Milliseconds from one start to the next. */
  readonly gap: number;
  /** How long scheduler, kubelet and EKS' controller take to see a change, in milliseconds. */
  readonly reaction: number;
  /** What of a pod the policy looks at: its own labels, or those of its ServiceAccount. */
  readonly selector: "pod" | "account";
  /** How long a change takes to the agent's watches, in milliseconds. */
  readonly lag: { readonly pods: number; readonly policies: number };
  /** How long a policy takes to the webhook that gives pods the limit, in milliseconds. */
  readonly webhookLag: number;
  /**
   * `asked`: EKS attaches the trunk once the feature is declared. `left`: trunk and feature are of an earlier life of the
   * node. `labelled`: the trunk is, and the feature is not there.
   */
  readonly trunk: "asked" | "left" | "labelled";
  /** What says first where the trunk is; aws-node's introspection lags a new one by up to a minute. */
  readonly trunkSaidBy: "CNINode" | "introspection";
  /** `closed`: aws-node writes its list where the runtime does not look. */
  readonly mode: "open" | "closed";
  /** Lists that are there when all begins: after a reboot with /etc kept, both; else none. */
  readonly lists: "none" | "left";
  /** The agent ends at its n-th effect (from 1), before or after it happens, and is started again. */
  readonly end:
    | { readonly how: "SIGKILL" | "SIGTERM"; readonly at: number; readonly when: "before" | "after" }
    | undefined;
  /** Until the agent is started again, in milliseconds. */
  readonly downFor: number;
  /** The API server goes away for a while, so many milliseconds after it came up; undefined: it stays. */
  readonly outage: { readonly at: number; readonly for: number } | undefined;
  /** The API server refuses the agent the list of policies, as without its ClusterRole. */
  readonly isDenied: boolean;
}

export const PLAIN: Circumstances = {
  gap: 2_000,
  reaction: 100,
  selector: "pod",
  lag: { pods: 0, policies: 0 },
  webhookLag: 0,
  trunk: "asked",
  trunkSaidBy: "CNINode",
  mode: "open",
  lists: "none",
  end: undefined,
  downFor: 2_000,
  outage: undefined,
  isDenied: false,
};

/** A trunk that was there before, and watches that lag: pods may start before anybody is asked. */
export const HARSH: Circumstances = {
  ...PLAIN,
  lag: { pods: 3_000, policies: 3_000 },
  webhookLag: 3_000,
  trunk: "left",
};

/** More effects than an agent has until all pods have started. */
export const MOST_EFFECTS = 40;

/** Any of them, the same for the same seed. */
export function circumstancesOf(seed: number): Circumstances {
  const random = new Random(seed);
  const lag = () => random.of([0, 0, 1_000, 3_000, 5_000]);
  return {
    gap: random.of([150, 700, 2_000, 6_000]),
    reaction: random.of([20, 100]),
    selector: random.of(["pod", "pod", "account"]),
    lag: { pods: lag(), policies: lag() },
    webhookLag: lag(),
    trunk: random.of(["asked", "left", "left", "labelled"]),
    trunkSaidBy: random.of(["CNINode", "introspection"]),
    mode: random.of(["open", "open", "open", "closed"]),
    lists: random.of(["none", "none", "left"]),
    end: random.chance(0.6)
      ? {
          how: random.of(["SIGKILL", "SIGKILL", "SIGTERM"]),
          at: 1 + random.below(MOST_EFFECTS),
          when: random.of(["before", "after"]),
        }
      : undefined,
    downFor: random.of([500, 3_000, 12_000]),
    outage: random.chance(0.3) ? { at: random.below(20_000), for: random.of([3_000, 15_000]) } : undefined,
    isDenied: false,
  };
}
