import { keyOf } from "../../kubernetes/metadata.ts";
import type { Change } from "../../kubernetes/store.ts";
import type { SeenPod } from "../objects.ts";

const NONE: ReadonlyMap<string, SeenPod> = new Map();

/** All pods, by namespace: a policy is compared with those of its own. */
export class PodsByNamespace {
  private readonly namespaces = new Map<string, Map<string, SeenPod>>();

  apply({ type, object }: Change<SeenPod>): void {
    const { namespace, uid } = object.metadata;
    const key = keyOf(object.metadata);
    const pods = this.namespaces.get(namespace) ?? new Map<string, SeenPod>();
    // Another of its name may be there already.
    if (type !== "deleted") pods.set(key, object);
    else if (pods.get(key)?.metadata.uid === uid) pods.delete(key);
    if (pods.size === 0) this.namespaces.delete(namespace);
    else this.namespaces.set(namespace, pods);
  }

  of(namespace: string): ReadonlyMap<string, SeenPod> {
    return this.namespaces.get(namespace) ?? NONE;
  }
}
