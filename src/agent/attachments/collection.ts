import type { Pod } from "../../kubernetes/objects.ts";
import { type AttachmentRecord } from "../../state/record.ts";

/** Which attachments are left over from pods that are gone. Pure. */

export interface Seen {
  readonly record: AttachmentRecord;
  /** Its namespace was found. */
  readonly isThere: boolean;
}

/** What to detach, or why nothing is: somebody who cannot see all namespaces takes a living pod for a dead one. */
export type Collection = { readonly collect: readonly AttachmentRecord[] } | { readonly blind: string };

/**
 * `problem` says why the namespaces of the node cannot be seen, if that is known already. A namespace of a pod that the API
 * server calls running has to be among those that were found; one that is missing means that others may be missing too.
 */
export function planCollection(
  seen: readonly Seen[],
  pods: Iterable<Pod>,
  problem: string | undefined,
): Collection {
  if (problem !== undefined) return { blind: problem };
  const running = new Map(
    [...pods]
      // Kubelet ends the sandbox of a pod that is being deleted before the API server hears of it.
      .filter(({ phase, metadata }) => phase === "Running" && metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => [metadata.uid, `${metadata.namespace}/${metadata.name}`]),
  );
  const gone = seen.filter(({ isThere }) => !isThere).map(({ record }) => record);
  for (const { pod, namespace } of gone) {
    const name = running.get(pod.uid ?? "");
    if (name !== undefined) {
      return { blind: `the network namespace ${namespace.path} of the running pod ${name} cannot be seen` };
    }
  }
  return { collect: gone };
}
