import { type Gap, gapLine, gapsOf } from "../facts/fact.ts";
import type { ClusterFacts } from "./facts.ts";
import { nodesOf } from "./nodes.ts";
import { podsOf } from "./pods.ts";
import { policiesOf } from "./policies.ts";
import { problemsOf } from "./problems/index.ts";
import type { Status } from "./status.ts";

/** From what was looked at to what is said of it. Pure. */
export function assemble(facts: ClusterFacts): Status {
  const { scope, now } = facts;
  const nodes = nodesOf(facts);
  const pods = podsOf(facts);
  const policies = scope.node === undefined ? policiesOf(facts, pods) : undefined;
  const shown = nodesShown(facts, nodes, pods);
  return {
    scope,
    now,
    problems: problemsOf({ facts, nodes, pods, policies: policies ?? [] }),
    gaps: once(gapsOf(lookedAt(facts))),
    nodes: shown.map(({ status }) => status),
    pods: pods.map(({ status }) => status),
    policies,
  };
}

/** Of one namespace those on which its pods are: a cluster may have thousands. */
function nodesShown(
  { scope, pods: seen }: ClusterFacts,
  nodes: ReturnType<typeof nodesOf>,
  pods: ReturnType<typeof podsOf>,
): ReturnType<typeof nodesOf> {
  if (scope.namespace === undefined || scope.node !== undefined || !seen.known) return nodes;
  const used = new Set(pods.map(({ status }) => status.node));
  return nodes.filter(({ status }) => used.has(status.name));
}

/** Of several things that EC2 was not asked for the reason is one. */
function once(gaps: readonly Gap[]): readonly Gap[] {
  return [...new Map(gaps.map((gap) => [gapLine(gap), gap])).values()];
}

function lookedAt(facts: ClusterFacts) {
  const { nodes, cniNodes, pods, agents, policies, accounts, settings, networkPolicies, events } = facts;
  const { interfaces, groupNames } = facts;
  return [
    nodes,
    cniNodes,
    pods,
    agents,
    policies,
    accounts,
    settings,
    networkPolicies,
    events,
    interfaces,
    groupNames,
  ];
}
