import type { Timer } from "../sys/timer.ts";
import type { Cache } from "./cache.ts";
import { type KubernetesObject, keyOf } from "./metadata.ts";
import { includes } from "./version.ts";

/** A watch delivers within a second; one that is broken is found out, and listed anew, within two minutes. */
const BOUND_MS = 120_000;
/** Of writes under way: more are forgotten, the oldest first. */
const MAX_WRITES = 10_000;

interface Write<T> {
  /** Undefined: deleted. */
  readonly object: T | undefined;
  readonly uid: string;
  /** Of the answer; empty for a deletion, which has none. */
  readonly version: string;
  readonly at: number;
}

/**
 * A cache as it will be once the watch has delivered what we wrote ourselves, so that the next pass does not do the same
 * again. What it forgets too early, as it has a bound, is shown as the cache has it: the write is then made again, and has to
 * be harmless by its own conditions.
 */
export class Overlay<T extends KubernetesObject> {
  private readonly cache: Pick<Cache<T>, "get" | "values" | "state">;
  private readonly timer: Timer;
  /** The oldest first. */
  private readonly writes = new Map<string, Write<T>>();

  constructor(cache: Pick<Cache<T>, "get" | "values" | "state">, timer: Timer) {
    this.cache = cache;
    this.timer = timer;
  }

  /** The answer to a creation, a replacement or a patch. */
  wrote(object: T): void {
    const { uid, resourceVersion } = object.metadata;
    const known = this.current(keyOf(object.metadata));
    // Two answers may overtake each other.
    const isOld =
      known?.uid === uid && known.object !== undefined && includes(known.version, resourceVersion);
    if (isOld !== true) this.note(object, { object, uid, version: resourceVersion });
  }

  /** The object has been deleted at once: not for those that have finalizers or time to end, such as pods. */
  deleted({ metadata }: T): void {
    this.note({ metadata }, { object: undefined, uid: metadata.uid, version: "" });
  }

  get(name: string, namespace = ""): T | undefined {
    const cached = this.cache.get(name, namespace);
    return this.shown(keyOf({ namespace, name }), cached);
  }

  *values(): Generator<T, void, undefined> {
    // A copy: a write that is delivered is forgotten meanwhile.
    const ours = new Set(this.writes.keys());
    for (const cached of this.cache.values()) {
      const key = keyOf(cached.metadata);
      const object = ours.delete(key) ? this.shown(key, cached) : cached;
      if (object !== undefined) yield object;
    }
    for (const key of ours) {
      const object = this.shown(key, undefined);
      if (object !== undefined) yield object;
    }
  }

  /** Writes that the watch has not delivered yet, as far as is known. */
  get pending(): number {
    return this.writes.size;
  }

  private note({ metadata }: KubernetesObject, write: Omit<Write<T>, "at">): void {
    const key = keyOf(metadata);
    this.writes.delete(key);
    this.writes.set(key, { ...write, at: this.timer.now() });
    for (const [oldest, { at }] of this.writes) {
      if (this.writes.size <= MAX_WRITES && this.timer.now() - at < BOUND_MS) break;
      this.writes.delete(oldest);
    }
  }

  private current(key: string): Write<T> | undefined {
    const write = this.writes.get(key);
    if (write === undefined || this.timer.now() - write.at < BOUND_MS) return write;
    this.writes.delete(key);
    return undefined;
  }

  private shown(key: string, cached: T | undefined): T | undefined {
    const write = this.current(key);
    if (write === undefined) return cached;
    if (!this.isDelivered(write, cached)) return write.object;
    this.writes.delete(key);
    return cached;
  }

  private isDelivered({ object, uid, version }: Write<T>, cached: T | undefined): boolean {
    // What is there under another UID was made after ours had gone, unless ours is what came after it.
    if (object === undefined) return cached === undefined || cached.metadata.uid !== uid;
    if (cached?.metadata.uid === uid && includes(cached.metadata.resourceVersion, version) === true)
      return true;
    // Up to there the cache has every change, so also the end of ours.
    return includes(this.cache.state().resourceVersion ?? "", version) === true;
  }
}
