import type { Pod } from "../../kubernetes/objects.ts";
import type { AskedPodName } from "../../state/question.ts";

/** Of a static pod kubelet gives the runtime the hash of its manifest as UID; its mirror has that in an annotation. */
const CONFIG_HASH = "kubernetes.io/config.hash";

/** Whether an object is the pod that the runtime means. Without a UID only the name can be compared. */
export function isAskedPod({ metadata }: Pod, { namespace, name, uid }: AskedPodName): boolean {
  if (metadata.namespace !== namespace || metadata.name !== name) return false;
  return uid === "" || metadata.uid === uid || metadata.annotations[CONFIG_HASH] === uid;
}

/** Whether all of its containers have ended for good, so that its branch is free. */
export function isFinished({ phase }: Pod): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
