import { LinkedAbort } from "../sys/linked-abort.ts";
import { onAbort } from "../sys/on-abort.ts";
import { type Timer, pause } from "../sys/timer.ts";
import { stackOf } from "../text/error-words.ts";
import { backOffMs } from "./back-off.ts";
import type { KubernetesClient, Scope } from "./client.ts";
import { KubernetesError } from "./error.ts";
import { type KubernetesObject, keyOf } from "./metadata.ts";
import type { Resource } from "./resource.ts";
import { type Change, Store } from "./store.ts";

/** Asked of the server, with up to a tenth less at random, so that a fleet's watches do not end together. */
const WATCH_S = 290;
/** How often silence is looked for: its limit may become shorter meanwhile. */
const LOOK_MS = 5_000;
/** Past the end that was asked for, a watch is dead. */
const OVERDUE_MS = 5_000;
/** A server that sends bookmarks sends one a minute (kube-apiserver, bookmarkFrequency). */
const SILENCE_MS = 95_000;
/** A watch that ends sooner without an event is a failure, or we would ask again without a pause. */
const AT_ONCE_MS = 1_000;
/** A failure after a watch of so long is the first of a new row. */
const HEALTHY_MS = 120_000;
/** A resource that the server does not have is looked for again after so long. */
const MISSING_MS = 60_000;

export interface CacheOptions<T> {
  readonly client: KubernetesClient;
  readonly resource: Resource<T>;
  readonly scope: Scope;
  readonly timer: Timer;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Hears of each failure, and of a listener that throws. */
  readonly warn: (message: string) => void;
}

/** How far a cache can be relied upon. */
export interface CacheState {
  /** It has had a whole list once; all later changes are in it, as far as `heardAt`. */
  readonly isComplete: boolean;
  /** The server has no such resource, so there are no objects. */
  readonly isMissing: boolean;
  /** When the server last said something, in the timer's time; undefined before that. */
  readonly heardAt: number | undefined;
  /** When its last whole list was asked for, in the timer's time: all that was there then is in it, or has been. */
  readonly listedAt: number | undefined;
  /** The server's version up to which every change is in it; undefined before the first list, and without the resource. */
  readonly resourceVersion: string | undefined;
  /** A watch is open: changes come as they are made, unless the connection is dead and nobody has noticed yet. */
  readonly isFollowing: boolean;
  /** Why it cannot be brought up to date at the moment; gone with the next word of the server. */
  readonly problem: KubernetesError | undefined;
}

/**
 * A copy of the objects of a scope, kept by list and watch. Nothing ends it but its signal: after any failure it tries
 * again, at the version that it has, or with a list when that is too old.
 */
export class Cache<T extends KubernetesObject> {
  private readonly options: CacheOptions<T>;
  private readonly store = new Store<T>();
  private readonly listeners = new Set<(change: Change<T>) => void>();
  private readonly completion = Promise.withResolvers<void>();
  private isComplete = false;
  private isMissing = false;
  private isFollowing = false;
  private heardAt: number | undefined;
  private listedAt: number | undefined;
  private problem: KubernetesError | undefined;
  /** Where the next watch goes on; undefined when a list is needed. */
  private version: string | undefined;

  constructor(options: CacheOptions<T>) {
    this.options = options;
  }

  /** By name, and by namespace for what has one. */
  get(name: string, namespace = ""): T | undefined {
    return this.store.get(keyOf({ namespace, name }));
  }

  values(): IterableIterator<T> {
    return this.store.values();
  }

  get size(): number {
    return this.store.size;
  }

  state(): CacheState {
    const { isComplete, isMissing, isFollowing, heardAt, listedAt, problem, version } = this;
    const resourceVersion = isMissing ? undefined : version;
    return { isComplete, isMissing, isFollowing, heardAt, listedAt, problem, resourceVersion };
  }

  /** Of its resource, such as `pods`. */
  get plural(): string {
    return this.options.resource.plural;
  }

  /** Calls the listener on each change, after the store has it. Returns what ends that. */
  listen(listener: (change: Change<T>) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolved once the first list is in the store; rejects with the signal's reason. */
  async whenComplete(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const forget = onAbort(signal, () => aborted.reject(signal.reason));
    try {
      await Promise.race([this.completion.promise, aborted.promise]);
    } finally {
      forget();
    }
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { timer, random, warn } = this.options;
    let failures = 0;
    while (!signal.aborted) {
      const started = timer.now();
      try {
        await this.round(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const problem = problemOf(error);
        if (problem.kind === "expired" || problem.kind === "missing") this.version = undefined;
        failures = timer.now() - started >= HEALTHY_MS ? 1 : failures + 1;
        this.problem = problem;
        warn(problem.message);
        await pause(timer, Math.max(problem.retryAfterMs, backOffMs(failures, random)), signal);
      }
    }
  }

  /** One list, if one is needed, and one watch. */
  private async round(signal: AbortSignal): Promise<void> {
    if (this.version === undefined) await this.list(signal);
    if (this.version === undefined) await this.options.timer.sleep(MISSING_MS, signal);
    else await this.follow(this.version, signal);
  }

  private async list(signal: AbortSignal): Promise<void> {
    const { client, resource, scope, timer } = this.options;
    // The list is as of this moment at least.
    const asked = timer.now();
    const list = await client.listIfServed(resource, scope, signal);
    this.version = list?.resourceVersion;
    this.isMissing = list === undefined;
    this.complete(list?.items ?? [], asked);
  }

  private complete(items: readonly T[], asked: number): void {
    const changes = this.store.replace(items);
    this.isComplete = true;
    this.listedAt = asked;
    this.heard(asked);
    this.tell(changes);
    this.completion.resolve();
  }

  private async follow(version: string, signal: AbortSignal): Promise<void> {
    const { client, resource, scope, timer, random } = this.options;
    const seconds = Math.ceil(WATCH_S * (1 - random() / 10));
    const started = timer.now();
    const watchdog = new Watchdog(timer, `the watch of ${resource.plural}`, seconds * 1000 + OVERDUE_MS);
    using either = new LinkedAbort(signal, watchdog.signal);
    let isSilent = true;
    const opened = () => void (this.isFollowing = true);
    try {
      for await (const event of client.watch(
        resource,
        scope,
        { resourceVersion: version, seconds, opened },
        either.signal,
      )) {
        isSilent = false;
        this.version = event.resourceVersion;
        this.heard(timer.now());
        if (event.type === "bookmark") watchdog.heard(SILENCE_MS);
        else {
          watchdog.heard();
          this.tell(
            event.type === "changed" ? this.store.put(event.object) : this.store.remove(event.object),
          );
        }
      }
    } finally {
      this.isFollowing = false;
      watchdog.end();
    }
    if (isSilent && timer.now() - started < AT_ONCE_MS) {
      throw new KubernetesError("retry", `the watch of ${resource.plural}`, "it ended at once");
    }
  }

  private heard(at: number): void {
    this.heardAt = at;
    this.problem = undefined;
  }

  private tell(changes: readonly Change<T>[]): void {
    for (const change of changes) {
      for (const listener of this.listeners) {
        try {
          listener(change);
        } catch (error) {
          // It would otherwise end the watch, and the same event would come again for ever.
          this.options.warn(`a listener of ${this.options.resource.plural} threw: ${stackOf(error)}`);
        }
      }
    }
  }
}

/** Aborts its signal when nothing has been heard for too long. */
class Watchdog {
  private readonly controller = new AbortController();
  private readonly ended = new AbortController();
  private readonly timer: Timer;
  private limit: number;
  private last: number;

  constructor(timer: Timer, what: string, limit: number) {
    this.timer = timer;
    this.limit = limit;
    this.last = timer.now();
    void this.run(what);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Something was heard; `limit` is the silence from now on, in milliseconds. */
  heard(limit = this.limit): void {
    this.last = this.timer.now();
    this.limit = limit;
  }

  end(): void {
    this.ended.abort();
  }

  private async run(what: string): Promise<void> {
    for (;;) {
      const left = this.last + this.limit - this.timer.now();
      if (left <= 0) {
        const words = `nothing was heard for ${Math.round(this.limit / 1000)} s`;
        this.controller.abort(new KubernetesError("retry", what, words));
        return;
      }
      await pause(this.timer, Math.min(left, LOOK_MS), this.ended.signal);
      if (this.ended.signal.aborted) return;
    }
  }
}

function problemOf(error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  // A defect of ours. The cache goes on all the same, and says so each time.
  return new KubernetesError("retry", "cache", stackOf(error), { cause: error });
}
