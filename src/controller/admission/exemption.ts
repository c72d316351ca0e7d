import type { ReviewedPod } from "./reviewed-pod.ts";

const FARGATE_LABEL = "eks.amazonaws.com/fargate-profile";
const FARGATE_GROUPS = "fargate.amazonaws.com/pod-sg";
const OS_LABELS = ["kubernetes.io/os", "beta.kubernetes.io/os"];
const MIRROR = "kubernetes.io/config.mirror";

/**
 * Why a pod need not ask for a branch, whatever selects it; undefined if it has to. The same as the matchConditions of
 * deploy/admission: what is skipped here the guard must not deny.
 */
export function exemptionOf(pod: ReviewedPod): string | undefined {
  if (pod.asksForBranch) return "it asks already";
  if (pod.usesHostNetwork) return "it is in its node's network";
  // The label alone anybody could set; the annotation is what gives such a pod its groups.
  if (has(pod.labels, FARGATE_LABEL) && has(pod.annotations, FARGATE_GROUPS)) return "it is on Fargate";
  if (OS_LABELS.some((key) => pod.nodeSelector[key] === "windows")) return "it is for Windows";
  // Its kubelet runs it whatever the answer.
  if (has(pod.annotations, MIRROR) && pod.isByNode) return "it is the mirror of a static pod";
  return undefined;
}

function has(texts: Readonly<Record<string, string>>, key: string): boolean {
  return Object.hasOwn(texts, key);
}
