import { POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import type { KubernetesClient, PatchStep } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import { ClaimedBranches } from "./claimed-branches.ts";
import type { PodName } from "./facts.ts";
import { SEEN_PODS } from "./objects.ts";
import type { PodPort } from "./ports.ts";

const ANNOTATIONS = "/metadata/annotations";
const OURS = `${ANNOTATIONS}/${POD_ENI_ANNOTATION.replaceAll("/", "~1")}`;

/** Pods through the API server: never by a cache. */
export function podPort(client: KubernetesClient): PodPort {
  const claimed = new ClaimedBranches(client);
  return {
    async prove(pod, hasAnnotations, signal) {
      await client.tryPatch(SEEN_PODS, pod, stepsFor(pod, hasAnnotations, "[]"), signal);
    },
    async annotate(pod, hasAnnotations, text, signal) {
      await client.patch(SEEN_PODS, pod, stepsFor(pod, hasAnnotations, text), signal);
    },
    async read(pod, signal) {
      try {
        const found = await client.get(SEEN_PODS, pod, signal);
        return found.metadata.uid === pod.uid ? found : undefined;
      } catch (error) {
        if (error instanceof KubernetesError && error.kind === "missing") return undefined;
        throw error;
      }
    },
    async isClaimed(eni, node, signal) {
      const all = node === undefined ? claimed.everywhere(signal) : claimed.on(node, signal);
      return (await all).has(eni);
    },
  };
}

/** A test of null fails unless nothing is there (RFC 6902 as the API server takes it). */
function stepsFor({ uid }: PodName, hasAnnotations: boolean, text: string): readonly PatchStep[] {
  const isSame: PatchStep = { op: "test", path: "/metadata/uid", value: uid };
  return hasAnnotations
    ? [isSame, { op: "test", path: OURS, value: null }, { op: "add", path: OURS, value: text }]
    : [
        isSame,
        { op: "test", path: ANNOTATIONS, value: null },
        { op: "add", path: ANNOTATIONS, value: { [POD_ENI_ANNOTATION]: text } },
      ];
}
