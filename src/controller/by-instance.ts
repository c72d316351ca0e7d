import type { Change } from "../kubernetes/store.ts";
import type { SeenNode } from "./objects.ts";

/**
 * Nodes by their instance. One that has come again under another name has two of them until somebody deletes the older one,
 * which is still written to: the newer one counts.
 */
export class NodesByInstance {
  private readonly instances = new Map<string, Map<string, SeenNode>>();

  /** Gives the instance that the change is about; undefined: none. */
  apply({ type, object }: Change<SeenNode>): string | undefined {
    const { instance, metadata } = object;
    if (instance === undefined) return undefined;
    const nodes = this.instances.get(instance) ?? new Map<string, SeenNode>();
    if (type === "deleted") nodes.delete(metadata.name);
    else nodes.set(metadata.name, object);
    if (nodes.size === 0) this.instances.delete(instance);
    else this.instances.set(instance, nodes);
    return instance;
  }

  of(instance: string): SeenNode | undefined {
    const [first, ...others] = this.instances.get(instance)?.values() ?? [];
    return others.reduce<SeenNode | undefined>((a, b) => (a === undefined || isNewer(b, a) ? b : a), first);
  }

  ids(): Iterable<string> {
    return this.instances.keys();
  }
}

function isNewer(a: SeenNode, b: SeenNode): boolean {
  return a.metadata.creationTimestamp > b.metadata.creationTimestamp;
}
