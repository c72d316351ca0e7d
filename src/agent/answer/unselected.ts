import type { Cache } from "../../kubernetes/cache.ts";
import type { Pod } from "../../kubernetes/objects.ts";
import { POD_ENI_ANNOTATION } from "../../ipam/annotation.ts";
import type { Change } from "../../kubernetes/store.ts";
import type { Timer } from "../../sys/timer.ts";

/** The first ADD of a new pod comes within seconds; a later one finds out anew. */
const RECENT_MS = 30_000;

export interface UnselectedOptions {
  /** Of this node. */
  readonly pods: Pick<Cache<Pod>, "listen">;
  readonly policies: { readonly state: () => { readonly listedAt: number | undefined } };
  readonly timer: Timer;
  /** Asks the API server whether no policy selects the pod. False as well if that is not known. Never rejects. */
  readonly look: (pod: Pod) => Promise<boolean>;
}

/**
 * Pods that no policy selected when they were made, as far as that is shown. What shows it is a list of the policies that
 * was asked for when the pod was known already: it has every policy that is older than the pod. Versions do not show it,
 * since they may be compared within a resource only (docs/decisions/policies-are-asked-for.md).
 *
 * New pods are looked at as soon as they are heard of, so that their ADD need not wait for the API server, and pods that
 * come together share a list.
 */
export class Unselected {
  private readonly options: UnselectedOptions;
  /** By UID: since when the pod is known. */
  private readonly knownAt = new Map<string, number>();
  /** UIDs of those of which a list has shown it. */
  private readonly shown = new Set<string>();
  /** By UID: what was found before ADD asked, since when. */
  private readonly ahead = new Map<string, { readonly at: number; readonly found: Promise<boolean> }>();

  /** Listens as long as the cache lives. */
  constructor(options: UnselectedOptions) {
    this.options = options;
    options.pods.listen((change) => this.heard(change));
  }

  /** A list that was asked for when the pod was known has no policy that selects it. */
  note({ metadata: { uid } }: Pod): void {
    // What no cache has, no cache forgets.
    if (this.knownAt.has(uid)) this.shown.add(uid);
  }

  /** Whether that was shown just now, before anybody asked. It is said once: who asks again wants to know it anew. */
  async take({ metadata: { uid } }: Pod): Promise<boolean> {
    const ahead = this.ahead.get(uid);
    this.ahead.delete(uid);
    if (ahead === undefined || this.options.timer.now() - ahead.at > RECENT_MS) return false;
    return ahead.found;
  }

  /** Whether the cache of policies has all that are older than the pod, or a list had. */
  isCovered({ metadata: { uid } }: Pod): boolean {
    if (this.shown.has(uid)) return true;
    const knownAt = this.knownAt.get(uid);
    const { listedAt } = this.options.policies.state();
    return knownAt !== undefined && listedAt !== undefined && knownAt < listedAt;
  }

  private heard({ type, object }: Change<Pod>): void {
    const { uid } = object.metadata;
    if (type === "deleted") {
      this.knownAt.delete(uid);
      this.shown.delete(uid);
      this.ahead.delete(uid);
    } else if (type === "added") {
      const at = this.options.timer.now();
      this.knownAt.set(uid, at);
      if (isToStart(object)) this.ahead.set(uid, { at, found: this.options.look(object) });
    }
  }
}

/** ADD will ask for it, and the policies will decide. */
function isToStart({ phase, usesHostNetwork, asksForBranch, metadata }: Pod): boolean {
  const needsBranch = metadata.annotations[POD_ENI_ANNOTATION] !== undefined || asksForBranch;
  return !needsBranch && phase === "Pending" && !usesHostNetwork;
}
