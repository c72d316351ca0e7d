// Deployments, and what one waits for.
import { eventually } from "../../ground/run.ts";
import type { Cluster } from "../cluster.ts";
import { httpProbe, isReady, podSpec, type Pod, type PodOptions, type Pods } from "./pods.ts";

/** A Deployment of pods with the label `deployment`. */
export async function deploy(
  cluster: Cluster,
  pods: Pods,
  name: string,
  replicas: number,
  { labels = {}, ...options }: PodOptions = {},
): Promise<void> {
  const selector = { deployment: name };
  await cluster.apply({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: pods.namespace },
    spec: {
      replicas,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: { ...labels, ...selector } },
        spec: podSpec({ probe: httpProbe, ...options }),
      },
    },
  });
}

/** Waits until as many pods of a Deployment are ready, none of `old` among them and no other one there. */
export async function rolledOut(
  pods: Pods,
  name: string,
  replicas: number,
  { old = [], timeout = 120_000 }: { readonly old?: readonly Pod[]; readonly timeout?: number } = {},
): Promise<readonly Pod[]> {
  const before = new Set(old.map(({ metadata: { uid } }) => uid));
  let last: readonly Pod[] = [];
  try {
    return await eventually(
      `${replicas} ready pods of ${name}`,
      async () => {
        last = await pods.list(`deployment=${name}`);
        const isDone = last.every((pod) => isReady(pod) && !before.has(pod.metadata.uid));
        return last.length === replicas && isDone ? last : undefined;
      },
      timeout,
    );
  } catch (error) {
    const notReady = last.find((pod) => !isReady(pod))?.metadata.name ?? "";
    const events = notReady === "" ? [] : await pods.events(notReady);
    throw new Error(`${String(error)}; ${notReady}:\n${events.join("\n")}`, { cause: error });
  }
}
