import { type Timer, pause } from "../sys/timer.ts";
import { stackOf } from "../text/error-words.ts";
import { Heap } from "./heap.ts";
import { type Outcome, retryMs } from "./outcome.ts";

/** After a pass that threw: a defect does not go away by trying. */
const BUG_MS = 300_000;
/** So long not even a change brings such a key back: it would throw again, with each event. */
const BUG_HOLD_MS = 10_000;
/** A pass that waits for what is past already comes back after so long, or it would do nothing else. */
const SOONEST_MS = 50;

export interface QueueOptions {
  /** What is done for a key, once at a time. The signal is aborted when the queue stops. */
  readonly pass: (key: string, signal: AbortSignal, attempts: number) => Promise<Outcome>;
  /** Passes at the same time. */
  readonly concurrency: number;
  readonly timer: Timer;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Hears of a pass that threw, with the stack. */
  readonly bug: (message: string) => void;
  /** For metrics: a pass begins that has waited so long since it was due. */
  readonly began?: (waitedSeconds: number) => void;
  /** And how it ended. */
  readonly ended?: (key: string, outcome: Outcome | { readonly type: "bug" }, seconds: number) => void;
}

export interface Urgency {
  /** The higher goes first of those that are due; 0 unless told. What is there at the start goes last: `STARTUP`. */
  readonly priority?: number;
  /** Milliseconds of the queue's timer; now unless told. */
  readonly at?: number;
}

/** So a restart never makes a fresh pod wait (as in controller-runtime). */
export const STARTUP = -100;

interface Due {
  at: number;
  priority: number;
}

interface Entry extends Due {
  readonly key: string;
  /** Among equals the first goes first. */
  turn: number;
  attempts: number;
  /** Since when, in the timer's milliseconds. */
  runningSince: number | undefined;
  /** What was added while it runs. */
  again: Due | undefined;
  /** Not before that, whatever is added. */
  heldUntil: number;
}

/**
 * Keys that something has to be done for. A key is there once and runs once at a time; adding it again can only bring it
 * forward. An order between keys is a matter of urgency, never of correctness.
 */
export class Queue {
  private readonly options: QueueOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly later = new Heap<Entry>((a, b) => a.at < b.at || (a.at === b.at && a.turn < b.turn));
  private readonly ready = new Heap<Entry>(
    (a, b) => a.priority > b.priority || (a.priority === b.priority && goesFirst(a, b)),
  );
  private readonly stopped = new AbortController();
  private readonly running = new Map<Entry, Promise<void>>();
  private turns = 0;
  private isStarted = false;
  /** The one timer, for the nearest key that is not due yet. */
  private alarm: { readonly at: number; readonly off: AbortController } | undefined;

  constructor(options: QueueOptions) {
    this.options = options;
  }

  /** Passes begin from now on: not before everything that they look at is complete. */
  start(): void {
    this.isStarted = true;
    this.go();
  }

  add(key: string, { priority = 0, at }: Urgency = {}): void {
    if (this.stopped.signal.aborted) return;
    const wanted = { at: Math.max(at ?? 0, this.options.timer.now()), priority };
    const entry = this.entries.get(key) ?? this.newEntry(key);
    if (entry.runningSince !== undefined) entry.again = sooner(entry.again, wanted);
    else this.schedule(entry, sooner(this.isScheduled(entry) ? entry : undefined, wanted));
    this.go();
  }

  /** Keys that are due and do not run yet. */
  get depth(): number {
    this.promote();
    return this.ready.size;
  }

  /** Passes that run. */
  get active(): number {
    return this.running.size;
  }

  /** Since the oldest pass that runs began; 0 if none does. */
  get oldestSeconds(): number {
    const now = this.options.timer.now();
    let oldest = now;
    for (const { runningSince } of this.running.keys()) oldest = Math.min(oldest, runningSince ?? now);
    return (now - oldest) / 1000;
  }

  /**
   * Begins no pass any more, aborts those that run and waits for them, at most so long. Gives the keys whose passes have
   * not ended.
   */
  async stop(boundMs: number): Promise<readonly string[]> {
    this.stopped.abort(new Error("the queue stops"));
    this.alarm?.off.abort();
    const over = new AbortController();
    const ended = Promise.all(this.running.values());
    await Promise.race([ended, pause(this.options.timer, boundMs, over.signal)]);
    over.abort();
    return [...this.running.keys()].map(({ key }) => key);
  }

  private newEntry(key: string): Entry {
    const entry: Entry = {
      key,
      at: 0,
      priority: 0,
      turn: 0,
      attempts: 0,
      runningSince: undefined,
      again: undefined,
      heldUntil: 0,
    };
    this.entries.set(key, entry);
    return entry;
  }

  private isScheduled(entry: Entry): boolean {
    return this.later.has(entry) || this.ready.has(entry);
  }

  private schedule(entry: Entry, { at, priority }: Due): void {
    const moved = Math.max(at, entry.heldUntil);
    if (this.isScheduled(entry)) {
      if (entry.at === moved && entry.priority === priority) return;
      // Its place changes with what it is ordered by.
      this.later.remove(entry);
      this.ready.remove(entry);
    } else entry.turn = ++this.turns;
    entry.at = moved;
    entry.priority = priority;
    this.later.add(entry);
  }

  /** Moves what is due to where priority counts. */
  private promote(): void {
    const now = this.options.timer.now();
    for (let entry = this.later.first(); entry !== undefined && entry.at <= now; entry = this.later.first()) {
      this.later.remove(entry);
      this.ready.add(entry);
    }
  }

  /** Begins what is due as far as there is room, and sets the timer for what comes next. */
  private go(): void {
    if (!this.isStarted || this.stopped.signal.aborted) return;
    this.promote();
    while (this.running.size < this.options.concurrency) {
      const entry = this.ready.first();
      if (entry === undefined) break;
      this.ready.remove(entry);
      this.begin(entry);
    }
    const next = this.later.first()?.at;
    if (next === undefined || (this.alarm !== undefined && this.alarm.at <= next)) return;
    this.alarm?.off.abort();
    this.alarm = { at: next, off: new AbortController() };
    void this.ring(this.alarm);
  }

  private async ring(alarm: { readonly at: number; readonly off: AbortController }): Promise<void> {
    const { timer } = this.options;
    await pause(timer, alarm.at - timer.now(), alarm.off.signal);
    if (this.alarm !== alarm || alarm.off.signal.aborted) return;
    this.alarm = undefined;
    this.go();
  }

  private begin(entry: Entry): void {
    const { timer, began } = this.options;
    const now = timer.now();
    began?.((now - entry.at) / 1000);
    entry.runningSince = now;
    this.running.set(entry, this.run(entry, now));
  }

  private async run(entry: Entry, began: number): Promise<void> {
    const { pass, timer, bug, ended } = this.options;
    let outcome: Outcome | { readonly type: "bug" };
    try {
      // Later, so that whoever added the key is not run over by its pass.
      await Promise.resolve();
      outcome = await pass(entry.key, this.stopped.signal, entry.attempts);
    } catch (error) {
      outcome = { type: "bug" };
      if (!this.stopped.signal.aborted) bug(`the pass for ${entry.key} threw: ${stackOf(error)}`);
    }
    const now = timer.now();
    entry.runningSince = undefined;
    this.running.delete(entry);
    if (this.stopped.signal.aborted) return;
    ended?.(entry.key, outcome, (now - began) / 1000);
    this.settle(entry, outcome, now);
    this.go();
  }

  private settle(entry: Entry, outcome: Outcome | { readonly type: "bug" }, now: number): void {
    const { again } = entry;
    entry.again = undefined;
    const isFailure = outcome.type === "retry" || outcome.type === "bug";
    entry.attempts = isFailure ? entry.attempts + 1 : 0;
    entry.heldUntil = outcome.type === "bug" ? now + BUG_HOLD_MS : 0;
    const at = this.nextAt(entry, outcome, now);
    // What was slow to begin is as urgent as anything the next time; what failed is as urgent as before.
    const priority = isFailure ? entry.priority : 0;
    const planned = at === undefined ? undefined : { at, priority };
    const next = again === undefined ? planned : sooner(planned, again);
    if (next === undefined) this.entries.delete(entry.key);
    else this.schedule(entry, next);
  }

  /** When the outcome itself asks for the next pass. */
  private nextAt({ attempts }: Entry, outcome: Outcome | { readonly type: "bug" }, now: number) {
    switch (outcome.type) {
      case "bug":
        return now + BUG_MS;
      case "retry":
        return now + retryMs(outcome, attempts, this.options.random);
      case "wait":
        return outcome.until === "change" ? undefined : Math.max(outcome.until, now + SOONEST_MS);
      case "done":
      case "never":
        return undefined;
    }
  }
}

/** The earlier time and the higher priority of both. */
function sooner(a: Due | undefined, b: Due): Due {
  if (a === undefined) return b;
  return { at: Math.min(a.at, b.at), priority: Math.max(a.priority, b.priority) };
}

function goesFirst(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}
