import { branchesOf } from "../doctor/instance-type.ts";
import type { CniNodeFact } from "../facts/cni-nodes.ts";
import { valueOr } from "../facts/fact.ts";
import type { NodeFact } from "../facts/nodes.ts";
import type { ClusterFacts } from "./facts.ts";
import { compare } from "./order.ts";
import type { PodOverview } from "../facts/pod-overviews.ts";
import { isFinished } from "../facts/pods.ts";
import type { AgentState, NodeStatus, Slots } from "./status.ts";

/** Nodes, with what of their trunk is taken. Pure. */

/** With what else problems look at. */
export interface SeenNode {
  readonly fact: NodeFact;
  /** Undefined: it has none, or they could not be read. */
  readonly cniNode: CniNodeFact | undefined;
  readonly status: NodeStatus;
}

/** Linux instances: others have neither trunk nor agent. */
export function nodesOf(facts: ClusterFacts): readonly SeenNode[] {
  const cniNodes = new Map(valueOr(facts.cniNodes, []).map((one) => [one.name, one]));
  const pods = Map.groupBy(valueOr(facts.pods, []), ({ node }) => node);
  const agents = Map.groupBy(valueOr(facts.agents, []), ({ node }) => node);
  return valueOr(facts.nodes, [])
    .filter(({ isLinux, instance }) => isLinux && instance !== undefined)
    .map((fact) => {
      const cniNode = cniNodes.get(fact.name);
      const branches = branchesOn(pods.get(fact.name) ?? []);
      const status: NodeStatus = {
        name: fact.name,
        instance: fact.instance,
        instanceType: fact.instanceType,
        isReady: fact.isReady,
        trunk: cniNode?.trunk?.id ?? fact.trunkAnnotation ?? trunkOfBranches(branches, facts),
        slots: slotsOf(fact, cniNode, branches, facts),
        agent: agentOf(agents.get(fact.name) ?? [], facts),
      };
      return { fact, cniNode, status };
    })
    .toSorted((a, b) => compare(a.status.name, b.status.name));
}

/** ENIs of pods that live. */
function branchesOn(pods: readonly PodOverview[]): ReadonlySet<string> {
  return new Set(
    pods.flatMap((pod) => (pod.branch?.readable === true && !isFinished(pod) ? [pod.branch.eniId] : [])),
  );
}

/** As EC2's tags have it. */
function trunkOfBranches(branches: ReadonlySet<string>, { interfaces }: ClusterFacts): string | undefined {
  if (!interfaces.known) return undefined;
  for (const id of branches) {
    const trunk = interfaces.value.get(id)?.trunk;
    if (trunk !== undefined) return trunk;
  }
  return undefined;
}

function slotsOf(
  { instanceType, allocatable }: NodeFact,
  cniNode: CniNodeFact | undefined,
  used: ReadonlySet<string>,
  { scope, pods, typeOverrides }: ClusterFacts,
): Slots {
  const total =
    (instanceType === undefined ? undefined : branchesOf(instanceType, valueOr(typeOverrides, {}))) ??
    allocatable;
  // Of one namespace's pods nobody can tell what the others have.
  const isWhole = pods.known && (scope.namespace === undefined || scope.node !== undefined);
  const branches = cniNode?.trunk?.branches;
  if (branches === undefined && !isWhole)
    return { total, used: undefined, cooling: undefined, warm: undefined, free: undefined };
  const taken = new Set([...(branches ?? []).map(({ id }) => id), ...used]).size;
  // A pod may have got one since the CNINode was written.
  const warm = branches?.filter(({ id, warmFor }) => warmFor !== undefined && !used.has(id)).length ?? 0;
  return {
    total,
    used: isWhole ? used.size : undefined,
    cooling: isWhole && branches !== undefined ? taken - used.size - warm : undefined,
    warm: branches === undefined ? undefined : warm,
    free: total === undefined ? undefined : Math.max(0, total - taken + warm),
  };
}

function agentOf(here: readonly PodOverview[], { agents }: ClusterFacts): AgentState {
  if (!agents.known) return "unknown";
  if (agents.value.length === 0) return "absent";
  const living = here.filter((pod) => !isFinished(pod) && !pod.isBeingDeleted);
  if (living.length === 0) return "missing";
  return living.some(({ isReady }) => isReady) ? "ready" : "not-ready";
}
