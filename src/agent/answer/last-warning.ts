import type { KubernetesClient } from "../../kubernetes/client.ts";
import { WARNINGS, type Warning } from "../../kubernetes/events.ts";
import type { Pod } from "../../kubernetes/objects.ts";

/** What the controller last said of a pod whose branch is late. */

/** AWS's controller and ours; kubelet and the scheduler say other things of it. */
const CONTROLLERS = new Set(["vpc-resource-controller", "branchline-controller"]);

/** Characters of it that go into the answer. */
const MAX_WORDS = 300;

/** Its warnings, as the API server has them. Rejects with a KubernetesError. */
export async function warningsOn(
  client: KubernetesClient,
  { metadata: { namespace, uid } }: Pick<Pod, "metadata">,
  signal: AbortSignal,
): Promise<readonly Warning[]> {
  const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
  return (await client.list(WARNINGS, { namespace, fieldSelector }, signal)).items;
}

/** The newest of a controller; undefined if there is none. */
export function lastWarning(warnings: readonly Warning[]): string | undefined {
  const [last] = warnings
    .filter(({ component }) => CONTROLLERS.has(component))
    .toSorted((a, b) => (a.at < b.at ? 1 : -1));
  return last === undefined ? undefined : oneLine(`${last.component} says ${last.reason}: ${last.message}`);
}

/** Whoever may create events may write what he likes. */
function oneLine(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}…` : line;
}
