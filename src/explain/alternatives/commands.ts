import type { Labels } from "../../policy/label-selector.ts";
import type { ExplainedPod } from "../pod.ts";
import type { Alternative } from "./alternative.ts";

/** What people type to give a pod other labels or a policy. Its network is made as it starts, so it has to be made anew. Pure. */

type Owned = Pick<ExplainedPod, "namespace" | "name" | "owner" | "labels">;

/** Kinds whose template may be edited, and that make their pods anew after it. */
const ROLLED_OUT = ["StatefulSet", "DaemonSet"] as const;

/** Such as `deployment/web`; undefined for a pod whose template cannot be edited, or of nobody. */
export function workloadOf({ owner = "", labels }: Owned): string | undefined {
  const [kind = "", name = ""] = owner.split("/");
  if (ROLLED_OUT.some((one) => one === kind)) return `${kind.toLowerCase()}/${name}`;
  // A Deployment names its ReplicaSets after itself and what their templates hash to.
  const ending = `-${labels["pod-template-hash"] ?? ""}`;
  if (kind !== "ReplicaSet" || ending === "-" || !name.endsWith(ending)) return undefined;
  return `deployment/${name.slice(0, -ending.length)}`;
}

/** Adds labels to the template of the pod's workload; empty when it has none that can be edited. */
export function addLabels(pod: Owned, labels: Labels): readonly string[] {
  const workload = workloadOf(pod);
  if (workload === undefined) return [];
  const patch = JSON.stringify({ spec: { template: { metadata: { labels } } } });
  return [`kubectl patch -n ${pod.namespace} ${workload} --type merge -p '${patch}'`];
}

/** Makes a policy, and after it the pod anew, if a controller does that. */
export function makePolicy(
  pod: Owned,
  { policy: { namespace, name }, labels, groups }: Pick<Alternative, "policy" | "labels" | "groups">,
): readonly string[] {
  const manifest = [
    "apiVersion: vpcresources.k8s.aws/v1beta1",
    "kind: SecurityGroupPolicy",
    "metadata:",
    `  name: ${scalar(name)}`,
    `  namespace: ${scalar(namespace)}`,
    "spec:",
    "  podSelector:",
    "    matchLabels:",
    ...Object.entries(labels).map(([key, value]) => `      ${scalar(key)}: ${scalar(value)}`),
    "  securityGroups:",
    "    groupIds:",
    ...groups.map((group) => `      - ${scalar(group)}`),
  ];
  return [`kubectl apply -f - <<EOF\n${manifest.join("\n")}\nEOF`, ...makeAnew(pod)];
}

/** What YAML 1.1 takes for something else than text. */
const NO_TEXT = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

/** A name, a label or an id as a scalar of YAML: in quotes where it could be taken for a number or the like. */
function scalar(text: string): string {
  return /^[a-z][\w./-]*$/i.test(text) && !NO_TEXT.test(text) ? text : JSON.stringify(text);
}

function makeAnew(pod: Owned): readonly string[] {
  if (pod.owner === undefined) return [];
  const workload = workloadOf(pod);
  const { namespace, name } = pod;
  return [
    workload === undefined
      ? `kubectl delete pod -n ${namespace} ${name}`
      : `kubectl rollout restart -n ${namespace} ${workload}`,
  ];
}
