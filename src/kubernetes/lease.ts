import { LinkedAbort } from "../sys/linked-abort.ts";
import { type Timer, pause } from "../sys/timer.ts";
import { messageOf, stackOf } from "../text/error-words.ts";
import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./error.ts";
import { LEASES, type LeaseObject, leaseBody } from "./lease-record.ts";

/**
 * Leader election over a Lease, as client-go's: the holder renews it, others take it once it has not changed for its
 * duration. It is no fence: what a leader has sent may arrive after its time. So a leader looks at `remainingMs` before
 * each mutating call, and the calls themselves are made so that a second leader's do no harm.
 */

/** Parts of the lease's duration, as of client-go's 15, 10 and 2 seconds. */
const RENEW_SHARE = 10 / 15;
const RETRY_SHARE = 2 / 15;
/** Candidates wait up to 1.2 times longer than the retry period, at random, so that they do not meet each time. */
const JITTER = 1.2;
/** A request that hangs is given up so early that another one fits before the leader's time is over. */
const REQUEST_SHARE = RENEW_SHARE / 2.5;
/** More than a candidate's longest pause. */
const GAP_SHARE = RETRY_SHARE * (1 + 1.5 * JITTER);

export interface LeaseOptions {
  readonly client: KubernetesClient;
  readonly namespace: string;
  readonly name: string;
  /** Of this process and no other, also not of one before it. */
  readonly identity: string;
  /** All other times are parts of it. */
  readonly durationMs: number;
  readonly timer: Timer;
  /** Milliseconds since 1970, for people who read the Lease. */
  readonly wallClock: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Resolved once it could do a leader's work: until then it watches the Lease, and leaves it to others. Absent: at once. */
  readonly ready?: Promise<void>;
  readonly acquired: () => void;
  /** Called once, after `acquired`; the process is to end. */
  readonly lost: (reason: string) => void;
  /** Hears of each request that failed. */
  readonly warn: (message: string) => void;
}

/** What was last seen of the Lease. */
interface Seen {
  readonly version: string;
  /** Undefined: there is none. */
  readonly lease: LeaseObject | undefined;
  /** The timer's time from which it may be taken, unless it changes before. */
  readonly freeAt: number;
}

export class LeaderElection {
  protected readonly options: LeaseOptions;
  private seen: Seen | undefined;
  /** The timer's time until which no other can have taken it. */
  private safeUntil = Number.NEGATIVE_INFINITY;
  /** A write was refused, or its fate is not known: what was seen may not be there any more. */
  private isStale = false;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private state: "candidate" | "leader" | "over" = "candidate";
  private isReady: boolean;
  /** Ends a candidate's pause. */
  private nap = new AbortController();

  constructor(options: LeaseOptions) {
    if (options.identity === "") throw new TypeError("a candidate without an identity");
    this.options = options;
    this.isReady = options.ready === undefined;
    void options.ready?.then(
      () => {
        this.isReady = true;
        this.nap.abort();
      },
      // It never will be.
      () => undefined,
    );
  }

  /**
   * For so long, in milliseconds, this is the leader and no other; 0 otherwise. Ends before others may take the Lease, by a
   * third of its duration: for what is on its way, and for clocks that do not go alike.
   */
  remainingMs(): number {
    if (this.state !== "leader") return 0;
    return Math.max(0, this.safeUntil - this.options.timer.now());
  }

  /** Who holds the Lease, as far as is known; empty if nobody does. */
  get holder(): string {
    return this.seen?.lease?.holder ?? "";
  }

  /**
   * Takes the Lease when it is free, and keeps it, until it is lost or the signal is aborted. Whoever has led aborts it
   * only once the last pass has ended, and calls `release` then.
   */
  async run(signal: AbortSignal): Promise<void> {
    const retryMs = this.options.durationMs * RETRY_SHARE;
    while (!(await this.attempt(signal))) {
      await this.rest(retryMs * (1 + JITTER * this.options.random()), signal);
      if (signal.aborted) return;
    }
    this.state = "leader";
    if (signal.aborted) return;
    this.options.acquired();
    const reason = await this.keep(retryMs, signal);
    if (reason === undefined) return;
    this.state = "over";
    this.options.lost(reason);
  }

  /**
   * Lets others take the Lease at once. Only after `run` has ended, and after the last pass: never fails, for the Lease
   * expires all the same.
   */
  async release(signal: AbortSignal): Promise<void> {
    // A candidate may have taken it by a write whose answer it did not wait for.
    const mayHoldIt = this.state === "leader" || (this.state === "candidate" && this.isStale);
    if (!mayHoldIt) return;
    this.state = "over";
    try {
      // The last renewal may have been cut off: what is there now counts.
      await this.look(signal);
      if (this.holder === this.options.identity) await this.write("", signal);
    } catch (error) {
      this.options.warn(`the lease is not released: ${wordsOf(error)}`);
    }
  }

  private async rest(milliseconds: number, signal: AbortSignal): Promise<void> {
    this.nap = new AbortController();
    using either = new LinkedAbort(signal, this.nap.signal);
    await pause(this.options.timer, milliseconds, either.signal);
  }

  /** Renews until that is no longer possible: gives why, or undefined when the signal was aborted. */
  private async keep(retryMs: number, signal: AbortSignal): Promise<string | undefined> {
    const { timer, durationMs } = this.options;
    for (;;) {
      await pause(timer, Math.min(retryMs, this.remainingMs()), signal);
      if (signal.aborted) return undefined;
      const isOurs = this.remainingMs() > 0 && (await this.attempt(signal));
      if (signal.aborted) return undefined;
      if (!isOurs && this.seen?.lease !== undefined && this.holder !== this.options.identity)
        return `it is now ${this.holder === "" ? "nobody's" : this.holder}`;
      if (this.remainingMs() === 0) return `it was not renewed for ${(durationMs * RENEW_SHARE) / 1000} s`;
    }
  }

  /** Whether the Lease is ours, and was written now. */
  private async attempt(signal: AbortSignal): Promise<boolean> {
    const { timer, durationMs, warn, namespace, name } = this.options;
    using limited = new LinkedAbort(signal);
    const over = new AbortController();
    const limitMs = Math.min(durationMs * REQUEST_SHARE, this.remainingMs() || Number.POSITIVE_INFINITY);
    const late = new Error(`no answer after ${Math.round(limitMs)} ms`);
    void pause(timer, limitMs, over.signal).then(() => limited.abort(late));
    try {
      return (await this.take(limited.signal)) ?? (await this.take(limited.signal)) ?? false;
    } catch (error) {
      if (!signal.aborted) warn(`lease ${namespace}/${name}: ${wordsOf(error)}`);
      return false;
    } finally {
      over.abort();
    }
  }

  /** Undefined when the Lease has changed in between. */
  private async take(signal: AbortSignal): Promise<boolean | undefined> {
    const { identity, timer } = this.options;
    // Its holder knows what is there, without a look.
    if (this.isStale || this.holder !== identity) await this.look(signal);
    if (this.seen !== undefined && timer.now() < this.seen.freeAt) return false;
    if (!this.isReady) return false;
    const sentAt = timer.now();
    try {
      await this.write(identity, signal);
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "conflict") return undefined;
      throw error;
    }
    this.safeUntil = this.safeFrom(sentAt) + this.options.durationMs * RENEW_SHARE;
    return true;
  }

  /** Others may have seen the write as soon as it was sent, however late its answer is. */
  protected safeFrom(sentAt: number): number {
    return sentAt;
  }

  private async look(signal: AbortSignal): Promise<void> {
    const { client, namespace, name } = this.options;
    let lease: LeaseObject | undefined;
    try {
      lease = await client.get(LEASES, { namespace, name }, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== "missing") throw error;
    }
    this.isStale = false;
    this.see(lease);
  }

  private async write(holder: string, signal: AbortSignal): Promise<void> {
    const { client, namespace, name, durationMs, wallClock } = this.options;
    const before = this.seen?.lease;
    const body = leaseBody({ namespace, name, holder, durationMs, wallClock: wallClock(), before });
    this.isStale = true;
    const lease =
      before === undefined
        ? await client.create(LEASES, namespace, body, signal)
        : await client.replace(LEASES, { namespace, name }, body, signal);
    this.isStale = false;
    this.see(lease);
  }

  private see(lease: LeaseObject | undefined): void {
    const { timer, durationMs } = this.options;
    const version = lease === undefined ? "" : `${lease.metadata.uid} ${lease.metadata.resourceVersion}`;
    // Between two looks at nothing, far apart, there may have been a Lease.
    const isSame = lease !== undefined || timer.now() - this.lookedAt <= durationMs * GAP_SHARE;
    this.lookedAt = timer.now();
    if (this.seen?.version === version && isSame) return;
    this.seen = { version, lease, freeAt: this.freeAt(lease, this.seen?.lease) };
  }

  /**
   * Another's time begins when we see a change, by our clock: what it has written there is by its own, which may be wrong. A
   * Lease that is not there counts as another's: somebody may have deleted it, and its holder is to have time to notice.
   */
  protected freeAt(lease: LeaseObject | undefined, before: LeaseObject | undefined): number {
    const { identity, durationMs, timer } = this.options;
    const last = lease ?? before;
    if (last?.holder === identity || lease?.holder === "") return Number.NEGATIVE_INFINITY;
    return timer.now() + Math.max(durationMs, last?.durationMs ?? 0);
  }
}

/** What the API server or the network says; anything else is a defect of ours. */
function wordsOf(error: unknown): string {
  return error instanceof KubernetesError || !(error instanceof TypeError)
    ? messageOf(error)
    : stackOf(error);
}
