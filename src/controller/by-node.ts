import { keyOf } from "../kubernetes/metadata.ts";
import type { Change } from "../kubernetes/store.ts";
import type { SeenPod } from "./objects.ts";

const NONE: ReadonlyMap<string, SeenPod> = new Map();

/** Pods by the node that they are bound to. */
export class PodsByNode {
  private readonly nodes = new Map<string, Map<string, SeenPod>>();

  /** Gives the nodes that the change is about. */
  apply(change: Change<SeenPod>): readonly string[] {
    const { object } = change;
    const key = keyOf(object.metadata);
    // A pod is bound once, so before and after it is the same node, or none before.
    if (object.node === "") return [];
    if (change.type === "deleted") {
      const pods = this.nodes.get(object.node);
      // Another of its name may be there already.
      if (pods?.get(key)?.metadata.uid === object.metadata.uid) pods.delete(key);
      if (pods?.size === 0) this.nodes.delete(object.node);
    } else {
      const pods = this.nodes.get(object.node) ?? new Map<string, SeenPod>();
      pods.set(key, object);
      this.nodes.set(object.node, pods);
    }
    return [object.node];
  }

  of(node: string): ReadonlyMap<string, SeenPod> {
    return this.nodes.get(node) ?? NONE;
  }
}
