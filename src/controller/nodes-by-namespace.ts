import type { Change } from "../kubernetes/store.ts";
import type { SeenPod } from "./objects.ts";

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * The nodes of the pods that matter, by the pods' namespace: what a policy or a ServiceAccount is about. Of 50,000 pods
 * few do, and a start reads thousands of policies.
 */
export class NodesByNamespace {
  private readonly namespaces = new Map<string, Map<string, string>>();

  /** `matters`: whether the pod, as it is now, is one of those. */
  apply({ type, object }: Change<SeenPod>, matters: boolean): void {
    const { namespace, uid } = object.metadata;
    const isIn = type !== "deleted" && matters && object.node !== "";
    const nodes = this.namespaces.get(namespace);
    if (isIn) {
      if (nodes === undefined) this.namespaces.set(namespace, new Map([[uid, object.node]]));
      else nodes.set(uid, object.node);
    } else if (nodes?.delete(uid) === true && nodes.size === 0) this.namespaces.delete(namespace);
  }

  of(namespace: string): ReadonlySet<string> {
    return new Set((this.namespaces.get(namespace) ?? NONE).values());
  }
}
