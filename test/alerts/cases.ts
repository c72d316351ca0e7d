// When each alert fires and when it does not: series as promtool writes them, one sample a minute. What fires has to be quiet
// a minute before.

export interface Case {
  readonly alert: string;
  readonly what: string;
  readonly series: Readonly<Record<string, string>>;
  readonly minutes: number;
  /** Labels but for the severity, and the summary, of each that fires; none: it is quiet. */
  readonly fires: readonly { readonly labels: Readonly<Record<string, string>>; readonly summary: string }[];
}

const AGENT = { job: "branchline-agent", node: "n1" };
const CONTROLLER = { job: "branchline-controller", instance: "one:61683" };

type Labels = Readonly<Record<string, string>>;

const named = (metric: string, labels: Labels) =>
  `${metric}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(", ")}}`;

/** All cases of an alert about one metric of one target. */
function cases(alert: string, metric: string, labels: Labels) {
  const one = (
    what: string,
    values: string,
    minutes: number,
    fires: Case["fires"],
    more: Case["series"] = {},
  ): Case => ({
    alert,
    what,
    series: { [named(metric, labels)]: values, ...more },
    minutes,
    fires,
  });
  return {
    fires: (what: string, values: string, minutes: number, summary: string, more?: Case["series"]) =>
      one(what, values, minutes, [{ labels, summary }], more),
    quiet: (what: string, values: string, minutes: number, more?: Case["series"]) =>
      one(what, values, minutes, [], more),
  };
}

const down = cases("BranchlineAgentDown", "up", AGENT);
const notReady = cases("BranchlineAgentNotReady", "branchline_agent_condition", {
  ...AGENT,
  condition: "ListFirst",
});
const noTrunk = cases("BranchlineAgentNotReady", "branchline_agent_condition", {
  ...AGENT,
  condition: "TrunkFound",
});
const limited = cases("BranchlineAgentLimited", "branchline_agent_condition", {
  ...AGENT,
  condition: "FeatureDeclared",
});
const trunkless = cases("BranchlineAgentLimited", "branchline_agent_condition", {
  ...AGENT,
  condition: "TrunkFound",
});
const escaped = cases("BranchlinePodEscaped", "branchline_agent_escaped_pods", AGENT);
const unenforced = cases("BranchlineNetworkPolicyNotEnforced", "branchline_agent_unenforced_pods", AGENT);
const old = cases("BranchlineAgentCacheOld", "branchline_agent_cache_age_seconds", {
  ...AGENT,
  resource: "pods",
});
const repaired = cases("BranchlineListRepaired", "branchline_agent_list_repairs_total", AGENT);

const unlisted = cases("BranchlineControllerNotReady", "branchline_controller_condition", {
  ...CONTROLLER,
  condition: "CachesComplete",
});
const behind = cases("BranchlineControllerCacheOld", "branchline_controller_cache_age_seconds", {
  ...CONTROLLER,
  resource: "pods",
});
const stuck = cases("BranchlineControllerStuck", "branchline_controller_oldest_pass_seconds", CONTROLLER);
const undescribed = cases("BranchlineNotDescribed", "branchline_controller_condition", {
  ...CONTROLLER,
  condition: "Described",
});
const LEADS = named("branchline_controller_leader", CONTROLLER);
const OTHER = named("branchline_controller_leader", { ...CONTROLLER, instance: "two:61683" });

const leaked = cases("BranchlineBranchesLeaked", "branchline_controller_branches", {
  ...CONTROLLER,
  state: "found",
});
const unreleased = cases("BranchlineBranchesNotReleased", "branchline_controller_branches", {
  ...CONTROLLER,
  state: "releasing",
});
const DELETED = named("branchline_controller_action_seconds_count", {
  ...CONTROLLER,
  action: "DeleteBranch ok",
});
const unserved = cases("BranchlineWebhookDown", "branchline_controller_condition", {
  ...CONTROLLER,
  condition: "AdmissionServes",
});
const expires = cases(
  "BranchlineCertificateExpires",
  "branchline_webhook_certificate_expiry_timestamp_seconds",
  CONTROLLER,
);
const THROTTLED = named("branchline_controller_ec2_throttled_total", {
  ...CONTROLLER,
  action: "AssociateTrunkInterface",
});

export const CASES: readonly Case[] = [
  down.fires("after five minutes", "1x3 0x20", 9, "The agent of node n1 does not answer."),
  down.quiet("when another is down", "1x20", 20, { 'up{job="other"}': "0x20" }),
  {
    alert: "BranchlineAgentsAbsent",
    what: "when Prometheus is told of none",
    series: { 'up{job="other"}': "1x20" },
    minutes: 10,
    fires: [{ labels: { job: "branchline-agent" }, summary: "Prometheus knows of no agent." }],
  },
  { ...down.quiet("when one is known, and down", "0x20", 20), alert: "BranchlineAgentsAbsent" },
  notReady.fires(
    "after five minutes",
    "0x20",
    5,
    "The agent of node n1 is not ready, for want of ListFirst.",
  ),
  notReady.quiet("when it is soon true again", "0x3 1x20", 10),
  noTrunk.quiet("for what no agent has to have", "0x20", 20),
  limited.fires(
    "after half an hour",
    "0x40",
    30,
    "The agent of node n1 cannot do all of its work, for want of FeatureDeclared.",
  ),
  trunkless.quiet("on an instance type without trunks", "0x40", 40),
  escaped.fires(
    "after a minute",
    "0x3 2x20",
    5,
    "2 pods of node n1 run without the branch that they should have.",
  ),
  escaped.quiet("when it is gone at the next look", "0x3 2 0x20", 5),
  unenforced.fires(
    "after five minutes",
    "1x20",
    5,
    "1 pods of node n1 have a NetworkPolicy that does not see what they send.",
  ),
  unenforced.quiet("when there is none", "0x20", 20),
  old.fires(
    "before the ten minutes are over",
    "0+60x20",
    8,
    "The agent of node n1 has heard nothing of pods for 8m 0s.",
  ),
  old.quiet("when a watch without bookmarks is renewed", "0+60x4 0+60x4 0+60x4", 14),
  repaired.fires(
    "when there were more than five in an hour",
    "0x60 1+1x6",
    66,
    "The list of node n1 was repaired 6 times in an hour.",
  ),
  repaired.fires(
    "when it is six times of an older agent",
    "9x60 10+1x5 15x20",
    66,
    "The list of node n1 was repaired 6.102 times in an hour.",
  ),
  repaired.quiet("when it is five times", "9x60 10+1x4 14x20", 70),
  repaired.quiet("when the primary was upgraded", "0x60 1+1x1 2x20", 67),
  repaired.quiet("when the agent started anew", "9x60 0x20", 67),

  {
    alert: "BranchlineControllerNoLeader",
    what: "when there is no controller",
    series: { 'up{job="other"}': "1x20" },
    minutes: 2,
    fires: [{ labels: {}, summary: "0 replicas of the controller act, instead of one." }],
  },
  {
    alert: "BranchlineControllerNoLeader",
    what: "when nobody leads",
    series: { [LEADS]: "1x3 0x20", [OTHER]: "0x20" },
    minutes: 6,
    fires: [{ labels: {}, summary: "0 replicas of the controller act, instead of one." }],
  },
  {
    alert: "BranchlineControllerNoLeader",
    what: "when two lead",
    series: { [LEADS]: "1x20", [OTHER]: "1x20" },
    minutes: 2,
    fires: [{ labels: {}, summary: "2 replicas of the controller act, instead of one." }],
  },
  {
    alert: "BranchlineControllerNoLeader",
    what: "when another takes over",
    series: { [LEADS]: "1x3 stale", [OTHER]: "0x4 1x20" },
    minutes: 7,
    fires: [],
  },
  unlisted.fires("after five minutes", "0x20", 5, "The controller's replica one:61683 is not ready."),
  unlisted.quiet("when it is", "1x20", 20),
  behind.fires(
    "after seven minutes",
    "0+60x20",
    8,
    "The controller's replica one:61683 has heard nothing of pods for 8m 0s.",
  ),
  behind.quiet("when a watch without bookmarks is renewed", "0+60x4 0+60x4 0+60x4", 14),
  stuck.fires("past ten minutes", "0+60x20", 11, "The controller has been at one decision for 11m 0s."),
  stuck.quiet("when each ends in time", "0+60x9 0+60x9", 19),
  undescribed.fires(
    "the leader, after a quarter of an hour",
    "0x20",
    15,
    "EC2 does not describe the cluster's interfaces.",
    {
      [LEADS]: "1x20",
    },
  ),
  undescribed.quiet("one that does not lead", "0x20", 20, { [LEADS]: "0x20", [OTHER]: "1x20" }),
  {
    alert: "BranchlineEc2Throttled",
    what: "when it goes on for half an hour",
    series: { [THROTTLED]: "0+1x60" },
    minutes: 31,
    fires: [
      {
        labels: { action: "AssociateTrunkInterface" },
        summary: "EC2 has refused AssociateTrunkInterface as too many for half an hour.",
      },
    ],
  },
  {
    alert: "BranchlineEc2Throttled",
    what: "when it was once",
    series: { [THROTTLED]: "0x5 1x60" },
    minutes: 50,
    fires: [],
  },

  leaked.fires("after an hour", "3x70", 60, "3 branches are in EC2 that no pod is known to have."),
  leaked.quiet("when each is settled", "3x10 0x2 1x10 0x50", 60),
  unreleased.fires(
    "when none has been deleted for half an hour",
    "2x70",
    64,
    "2 branches are to be deleted, and none has been for half an hour.",
    { [DELETED]: "0+1x5 5x70" },
  ),
  unreleased.fires(
    "when none was ever deleted",
    "2x40",
    30,
    "2 branches are to be deleted, and none has been for half an hour.",
  ),
  unreleased.quiet("when others are deleted all the time", "2x70", 65, { [DELETED]: "0+1x70" }),
  unreleased.quiet("when none is to be deleted", "0x70", 65, { [DELETED]: "5x70" }),
  unserved.fires(
    "after ten minutes",
    "0x20",
    10,
    "The controller's replica one:61683 does not answer as the webhook.",
  ),
  unserved.quiet("when it is soon true again", "0x5 1x20", 20),
  // Time begins at 0 here: a day before 90,000 s is after an hour.
  expires.fires(
    "ten minutes within its last day",
    "90000x80",
    71,
    "The webhook's certificate of one:61683 expires within a day.",
  ),
  expires.quiet("where there is none", "0x80", 75),
];
