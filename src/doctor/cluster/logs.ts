import type { Api } from "../../facts/api.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import type { PodFact } from "../facts.ts";
import { isAgent, isAlive, isController, podName } from "../nodes.ts";

/** Of each log. */
const LINES = 200;
/** More would be alike. */
const MOST = 10;

/** Whose logs say most: controllers, then agents that are not ready, then others. */
export function loggedPods(pods: readonly PodFact[]): readonly PodFact[] {
  const agents = pods.filter((pod) => isAgent(pod) && isAlive(pod));
  const sorted = [
    ...pods.filter((pod) => isController(pod) && isAlive(pod)),
    ...agents.filter(({ isReady }) => !isReady),
    ...agents.filter(({ isReady }) => isReady),
  ];
  return sorted.slice(0, MOST);
}

/** The ends of logs by pod, or why there is none. Rejects with the signal's reason only. */
export async function readLogs(
  { client, signal }: Api,
  pods: readonly PodFact[],
): Promise<Readonly<Record<string, string>>> {
  const logs = await Promise.all(
    loggedPods(pods).map(async (pod) => {
      try {
        return [podName(pod), await client.log(pod, LINES, signal)] as const;
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        return [podName(pod), `not read: ${error.message}`] as const;
      }
    }),
  );
  return Object.fromEntries(logs);
}
