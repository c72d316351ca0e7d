import { POD_ENI } from "../../kubernetes/objects.ts";
import type { ExplainedPod } from "../pod.ts";

/** Words that several problems share. */

export const LIMIT = POD_ENI;

/** How its successor comes about. */
export function restart({ namespace, name, owner }: ExplainedPod, successor: string): string {
  const command = `kubectl delete pod -n ${namespace} ${name}`;
  return owner === undefined
    ? `delete the pod and create it again, as no controller does: ${command}; the new one ${successor}`
    : `delete the pod, and its successor ${successor}: ${command}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}

/** `1 group`, `2 groups`, `2 policies`, `2 branches`, `2 addresses`. */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  if (noun.endsWith("y")) return `${count} ${noun.slice(0, -1)}ies`;
  return `${count} ${noun}${/(?:s|ch)$/.test(noun) ? "es" : "s"}`;
}
