import type { Action, Note } from "./action.ts";
import { decide } from "./decide.ts";
import { type Description, withDescription } from "./description.ts";
import { failureOf } from "./failure.ts";
import { emptyLedger, type Ledger } from "./ledger.ts";
import type { Failure, Moment } from "./moment.ts";
import { withClaims } from "./pods/claims.ts";
import { tidied } from "./pods/tidy.ts";
import { withRecent } from "./warm/recent.ts";
import type { Ports } from "./ports.ts";
import type { Settings, View } from "./view.ts";

export interface WorkerOptions {
  readonly instance: string;
  readonly settings: Settings;
  readonly ports: Ports;
  readonly moment: () => Moment;
  /** Something has changed: a pass is due. */
  readonly changed: () => void;
  readonly note: (note: Note) => void;
  /** The ledger is another now. */
  readonly learned: (ledger: Ledger) => void;
  /** Of each action: how long it took in milliseconds, and why it failed, if it did. */
  readonly ended: (action: Action, milliseconds: number, failure: Failure | undefined) => void;
  /** Whether an action may begin, and each of its calls to EC2: not any more once the lease may be lost. */
  readonly mayAct: () => boolean;
  /** Ends all actions under way; what becomes of them is then unknown. */
  readonly signal: AbortSignal;
}

/** What the API server says, for one pass. */
export type Facts = Omit<View, "settings" | "ledger" | "busy">;

/**
 * One instance: keeps its ledger, and carries out what is decided. Decisions are made one after another; actions about
 * different subjects run side by side, so a pod never waits for another's call to EC2.
 */
export class Worker {
  private readonly options: WorkerOptions;
  private current: Ledger;
  private readonly running = new Map<string, Promise<void>>();

  constructor(options: WorkerOptions) {
    this.options = options;
    this.current = emptyLedger(options.instance);
  }

  get ledger(): Ledger {
    return this.current;
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.running.size === 0;
  }

  describe(description: Description): void {
    this.known = withDescription(this.known, description, this.options.moment().now);
    this.options.changed();
  }

  /** Begins what is to be done. Gives when to look again at the latest. */
  pass(facts: Facts): number | undefined {
    const { settings, moment, note, mayAct } = this.options;
    const { now } = moment();
    const busy = new Set(this.running.keys());
    const tidy = tidied(withClaims(this.known, facts.pods, now), { ...facts, settings, busy }, now);
    this.known = withRecent(tidy, { ...facts, settings, busy }, now);
    const view = { ...facts, settings, ledger: this.known, busy };
    const { actions, notes, wakeAt } = decide(view, now);
    for (const one of notes) note(one);
    for (const action of actions) if (mayAct()) this.begin(action);
    return wakeAt;
  }

  /** Resolved when all that is under way has ended. */
  async whenIdle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  private get known(): Ledger {
    return this.current;
  }

  private set known(ledger: Ledger) {
    this.current = ledger;
    this.options.learned(ledger);
  }

  private begin(action: Action): void {
    this.known = action.begin(this.known);
    this.running.set(action.subject, this.carryOut(action));
  }

  private async carryOut(action: Action): Promise<void> {
    const { ports, moment, changed, note, ended, mayAct, signal } = this.options;
    const started = moment().now;
    let failure: Failure | undefined;
    try {
      const learn = await action.run(ports, { signal, priority: action.priority, mayBegin: mayAct });
      this.known = learn(this.known, moment());
      if (action.told !== undefined) note(action.told);
    } catch (error) {
      if (signal.aborted) return;
      failure = failureOf(error);
      this.known = action.failed(this.known, failure, moment());
    } finally {
      this.running.delete(action.subject);
    }
    ended(action, moment().now - started, failure);
    changed();
  }
}
