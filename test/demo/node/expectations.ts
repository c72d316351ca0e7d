// What has to come out, by datapath and mode. The rest of the demo only observes, in these same words.
import type { Expectation } from "../outcomes.ts";
import type { Profile } from "./options.ts";

interface Row {
  readonly id: string;
  readonly what: string;
  readonly outcome: Readonly<Record<Profile, string>>;
}

/** The words that both sides of the table are written in. */
export const words = {
  rows: (count: number) => `${count} rows`,
  timedOut: "times out",
  droppedByGroup: "times out, dropped by the group",
  tag: (ids: readonly string[]) => (ids.length === 0 ? "no tag" : `VLAN ${ids.join(" and ")}`),
  reached: (way: Way) => `reached ${way}`,
  probed: (way: Way) => `TCP and HTTP, ${way}`,
  service: (groups: string) => `answers; group ${groups} counts`,
  checked: "no difference",
  asBefore: "as before",
  none: "none",
} as const;

export type Way = "on the node" | "through the VPC";

/** The same whatever the datapath. */
function same(outcome: string): Record<Profile, string> {
  return { "direct standard": outcome, "routed strict": outcome, "routed standard": outcome };
}

const { reached, probed, service, droppedByGroup } = words;

const rows = [
  {
    id: "eth0",
    what: "eth0 of pod catalog",
    outcome: {
      "direct standard": "VLAN 7 of the trunk, 10.0.0.20/24",
      "routed strict": "veth, 10.0.0.20/32",
      "routed standard": "veth, 10.0.0.20/32",
    },
  },
  { id: "check", what: "CHECK of the three pods", outcome: same(words.checked) },
  { id: "query catalog", what: "catalog asks the database", outcome: same(words.rows(4)) },
  { id: "tag", what: "its query on the trunk", outcome: same(words.tag(["7"])) },
  { id: "query reports", what: "reports asks the database", outcome: same(droppedByGroup) },
  { id: "query plain", what: "plain asks the database", outcome: same(droppedByGroup) },
  {
    id: "probe catalog",
    what: "the node probes catalog",
    outcome: {
      "direct standard": probed("on the node"),
      // aws-cni's strict mode: by the VPC, where the branch's group has to name the node's.
      "routed strict": probed("through the VPC"),
      "routed standard": probed("on the node"),
    },
  },
  {
    id: "probe reports",
    what: "the node probes reports",
    outcome: {
      "direct standard": probed("on the node"),
      "routed strict": probed("through the VPC"),
      "routed standard": probed("on the node"),
    },
  },
  { id: "probe plain", what: "the node probes plain", outcome: same(probed("on the node")) },
  {
    id: "service catalog",
    what: "catalog calls the Service",
    outcome: {
      // The pod's traffic to Services takes its address on the node, so that kube-proxy's rules see it.
      "direct standard": service("node"),
      "routed strict": service("catalog-client"),
      "routed standard": service("catalog-client"),
    },
  },
  {
    id: "service reports",
    what: "reports calls the Service",
    outcome: {
      "direct standard": service("node"),
      "routed strict": service("reports"),
      "routed standard": service("reports"),
    },
  },
  { id: "service plain", what: "plain calls the Service", outcome: same(service("node")) },
  {
    id: "neighbour reports",
    what: "reports calls its neighbour catalog",
    outcome: {
      "direct standard": droppedByGroup,
      "routed strict": droppedByGroup,
      // As AWS documents it: groups do not apply between pods of one node.
      "routed standard": reached("on the node"),
    },
  },
  {
    id: "neighbour plain",
    what: "plain calls its neighbour catalog",
    outcome: {
      "direct standard": droppedByGroup,
      // It is in the node's group, which had to be let in for the probes.
      "routed strict": reached("through the VPC"),
      "routed standard": reached("on the node"),
    },
  },
  { id: "left node", what: "the node after DEL", outcome: same(words.asBefore) },
  { id: "left pods", what: "the pods' namespaces after DEL", outcome: same(words.asBefore) },
  { id: "left records", what: "records left in /run/branchline", outcome: same(words.none) },
] as const satisfies readonly Row[];

export type ExpectationId = (typeof rows)[number]["id"];

export function expectationsOf(profile: Profile): Expectation<ExpectationId>[] {
  return rows.map(({ id, what, outcome }) => ({ id, what, expected: outcome[profile] }));
}
