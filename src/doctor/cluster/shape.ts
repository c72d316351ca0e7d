import type { CniNodeFact as SeenCniNode } from "../../facts/cni-nodes.ts";
import type { PolicyFact as SeenPolicy } from "../../facts/policies.ts";
import type { WorkloadFact as SeenWorkload } from "../../facts/workloads.ts";
import { isObject, parseJson } from "../../text/json.ts";
import type { CniNodeFact, EntryFact, PolicyFact, WorkloadFact } from "../facts.ts";
import { knownVariables } from "../variables.ts";

/** From the common facts to those of the checks. Pure. */

export function cniNodeOf({ name, features, managedBy, trunk, conditions }: SeenCniNode): CniNodeFact {
  const ready = conditions.find(({ type }) => type === "TrunkReady");
  return {
    name,
    features: features.map((feature) => feature.name),
    managedBy: managedBy ?? "vpc-resource-controller",
    trunk: trunk?.id,
    branches: (trunk?.branches ?? []).map(({ id, vlan }) => ({ eni: id, vlan })),
    trunkProblem:
      ready === undefined || ready.status === "True"
        ? undefined
        : { reason: ready.reason, message: ready.message },
  };
}

export function policyOf({ policy, createdAt }: SeenPolicy): PolicyFact {
  return { ...policy, createdAt: Date.parse(createdAt) };
}

export function daemonSetOf({
  namespace,
  name,
  labels,
  desired,
  ready,
  containers,
}: SeenWorkload): WorkloadFact {
  const env = Object.assign({}, ...containers.map((one) => one.env)) as Readonly<Record<string, string>>;
  return { namespace, name, labels, desired, ready, env: knownVariables(env) };
}

/** Undefined when the text is no JSON object: the agent has refused it. */
export function entryIn(from: string, data: Readonly<Record<string, string>>): EntryFact | undefined {
  try {
    const entry = parseJson(data["entry.json"] ?? "");
    return isObject(entry) ? { from, entry } : undefined;
  } catch {
    return undefined;
  }
}
