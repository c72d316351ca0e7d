import type { Labels, LabelSelector } from "../../policy/label-selector.ts";

/** Labels that people give to pods, beside those of the cluster, and those that differ from pod to pod or from release to release. Pure. */

/** Of controllers that write them, and of what changes with each release. */
const UNSTABLE: ReadonlySet<string> = new Set([
  "app.kubernetes.io/version",
  "chart",
  "controller-revision-hash",
  "controller-uid",
  "heritage",
  "job-name",
  "pod-template-generation",
  "pod-template-hash",
  "release-revision",
  "rollouts-pod-template-hash",
]);
/** Of whom labels come that people do not give: the API server copies its node's topology to a pod once it is scheduled. */
const OTHERS = ["kubernetes.io", "k8s.io", "k8s.aws", "amazonaws.com", "istio.io", "linkerd.io", "helm.sh"];
const OF_PEOPLE = "app.kubernetes.io";

export function isStable(key: string): boolean {
  if (UNSTABLE.has(key)) return false;
  const [domain = "", name] = key.split("/");
  if (name === undefined || domain === OF_PEOPLE) return true;
  return !OTHERS.some((one) => domain === one || domain.endsWith(`.${one}`));
}

/** Those by which a policy may select the pod and its successors. */
export function stableLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => isStable(key)));
}

/** The labels that a selector asks for and that there are not; whether it selects with them is not said. */
export function lackingLabels(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Labels,
): Labels {
  const asked = [
    ...Object.entries(matchLabels),
    ...matchExpressions.flatMap(({ key, operator, values = [] }) => {
      const value = operator === "Exists" ? "true" : operator === "In" ? values[0] : undefined;
      return value === undefined ? [] : [[key, value] as const];
    }),
  ];
  return Object.fromEntries(asked.filter(([key]) => !Object.hasOwn(labels, key)));
}
