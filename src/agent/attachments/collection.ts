import type { Pod } from "../../kubernetes/objects.ts";
import { isFinished } from "../answer/pod-names.ts";
import { type Known, isPodOf } from "./known.ts";

/** Which attachments are left over from pods that are gone. Pure. */

export interface Seen {
  readonly record: Known;
  /** Its namespace was found. */
  readonly isThere: boolean;
}

/** What to detach, or why nothing is: somebody who cannot see all namespaces takes a living pod for a dead one. */
export type Collection = { readonly collect: readonly Known[] } | { readonly blind: string };

/**
 * A pod that the API server calls running or pending has to have a namespace among those that were found, unless it is being
 * deleted: kubelet ends a sandbox before the API server hears of it. One that is missing means that others may be missing
 * too. A pod whose sandbox was made anew may have a record of each.
 */
export function planCollection(seen: readonly Seen[], pods: Iterable<Pod>): Collection {
  const gone = seen.filter(({ isThere }) => !isThere).map(({ record }) => record);
  const there = seen.filter(({ isThere }) => isThere).map(({ record }) => record);
  for (const pod of gone.length === 0 ? [] : pods) {
    if (isFinished(pod) || pod.metadata.deletionTimestamp !== undefined) continue;
    const record = gone.find((one) => isPodOf(one, pod));
    if (record === undefined || there.some((one) => isPodOf(one, pod))) continue;
    const { namespace, name } = pod.metadata;
    return {
      blind: `the network namespace ${record.namespace.path} of pod ${namespace}/${name} cannot be seen`,
    };
  }
  return { collect: gone };
}
