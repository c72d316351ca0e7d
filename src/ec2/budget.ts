import { backOff } from "../sys/back-off.ts";
import { onAbort } from "../sys/on-abort.ts";
import type { Timer } from "../sys/timer.ts";
import { ACTIONS } from "./actions.ts";
import { type Priority, WaitingLine } from "./waiting-line.ts";

/** Tokens that fit, and tokens a second. */
export type BudgetSize = readonly [size: number, perSecond: number];

/** EC2's own buckets, for each account, Region and API (developer guide, "Request throttling"). */
const DESCRIBE: BudgetSize = [100, 20];
const MUTATING: BudgetSize = [50, 5];
const SIZES: Readonly<Record<string, BudgetSize>> = {
  CreateNetworkInterface: [100, 5],
  DeleteNetworkInterface: [100, 5],
  ModifyNetworkInterfaceAttribute: [100, 5],
  CreateTags: [100, 10],
};

/**
 * The tokens of so long are left to EC2, at most a tenth: a call that arrives sooner after the one before than it was begun
 * would be refused, and each refusal halves the rate.
 */
const LEFT_S = 1;

/** A throttled API never goes slower than this part of its rate. */
const SLOWEST = 1 / 16;
/** In so long after a throttled call the rate doubles again. */
const RECOVERY_MS = 30_000;
/** What many small refills lose to rounding. */
const ROUNDING = 1e-9;

/** Sums since the start, for metrics. */
export interface BudgetFigures {
  /** Tokens that were taken: calls, whatever became of them. */
  readonly calls: number;
  /** Seconds for which calls have waited for their tokens. */
  readonly waitedSeconds: number;
  /** Calls that EC2 refused with RequestLimitExceeded. */
  readonly throttled: number;
  /** Calls that wait now. */
  readonly waiting: number;
}

/** One bucket for an API: whoever calls waits for a token, the more urgent before the others. */
export class Budget {
  private readonly size: number;
  private readonly perSecond: number;
  private readonly clock: Timer;
  private readonly line = new WaitingLine();
  private level: number;
  private at: number;
  private share = 1;
  private halvedAt = Number.NEGATIVE_INFINITY;
  /** When it was halved, or doubled again, last. */
  private slowedAt = 0;
  /** While somebody waits: the sleep until the next token. */
  private serving: AbortController | undefined;
  private readonly sums = { calls: 0, waitedSeconds: 0, throttled: 0 };

  constructor([size, perSecond]: BudgetSize, clock: Timer) {
    this.size = size;
    this.perSecond = perSecond;
    this.clock = clock;
    this.level = size;
    this.at = clock.now();
  }

  /** Takes a token, once there is one, and gives when that was. A wait that is aborted takes none. */
  async take(signal: AbortSignal, priority: Priority): Promise<number> {
    signal.throwIfAborted();
    this.refill();
    if (this.line.length > 0 || this.level < 1) await this.wait(signal, priority);
    else this.level -= 1;
    this.sums.calls += 1;
    return this.clock.now();
  }

  /**
   * EC2's bucket is empty, whatever ours says: it starts anew from nothing, at half the rate. Those that had their tokens
   * before, and are refused as well, say the same once more.
   */
  throttled(takenAt: number): void {
    this.refill();
    this.level = Math.min(this.level, 0);
    this.sums.throttled += 1;
    if (takenAt <= this.halvedAt) return;
    this.share = Math.max(SLOWEST, this.share / 2);
    this.halvedAt = this.slowedAt = this.clock.now();
  }

  /** Tokens a second at this moment. */
  rate(): number {
    return this.perSecond * this.share;
  }

  figures(): BudgetFigures {
    return { ...this.sums, waiting: this.line.length };
  }

  private async wait(signal: AbortSignal, priority: Priority): Promise<void> {
    const since = this.clock.now();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = this.line.join(priority, resolve);
    const forget = onAbort(signal, () => {
      leave();
      if (this.line.length === 0) this.serving?.abort();
      reject(signal.reason as Error);
    });
    if (this.serving === undefined) void this.serve();
    try {
      await promise;
    } finally {
      forget();
      this.sums.waitedSeconds += (this.clock.now() - since) / 1000;
    }
  }

  /** Gives tokens to those who wait, as they come, until nobody waits. */
  private async serve(): Promise<void> {
    while (this.line.length > 0) {
      this.refill();
      if (this.level >= 1) {
        this.level -= 1;
        this.line.serve();
        continue;
      }
      this.serving = new AbortController();
      try {
        await this.clock.sleep(((1 - this.level) / this.rate()) * 1000, this.serving.signal);
      } catch {
        // Nobody waits any more, unless somebody has come since.
      }
    }
    this.serving = undefined;
  }

  private refill(): void {
    const now = this.clock.now();
    this.level = Math.min(this.size, this.level + ((now - this.at) / 1000) * this.rate());
    if (Math.abs(this.level - Math.round(this.level)) < ROUNDING) this.level = Math.round(this.level);
    this.at = now;
    while (this.share < 1 && now - this.slowedAt >= RECOVERY_MS) {
      this.share = Math.min(1, this.share * 2);
      this.slowedAt += RECOVERY_MS;
    }
  }
}

/** A budget for each API that is called. */
export class Budgets {
  private readonly byAction: ReadonlyMap<string, Budget>;

  constructor(clock: Timer, overrides: Readonly<Record<string, BudgetSize>> = {}) {
    this.byAction = new Map(
      ACTIONS.map((action) => [action, new Budget(usedOf(overrides[action] ?? sizeOf(action)), clock)]),
    );
  }

  of(action: string): Budget {
    const budget = this.byAction.get(action);
    if (budget === undefined) throw new Error(`there is no budget for ${action}`);
    return budget;
  }

  /** Of all APIs, from the start on. */
  *figures(): Generator<readonly [action: string, figures: BudgetFigures]> {
    for (const [action, budget] of this.byAction) yield [action, budget.figures()];
  }
}

/** EC2's own size of an API's bucket. */
function sizeOf(action: string): BudgetSize {
  return SIZES[action] ?? (action.startsWith("Describe") ? DESCRIBE : MUTATING);
}

/** What of EC2's bucket is used. */
function usedOf([size, perSecond]: BudgetSize): BudgetSize {
  return [size - Math.floor(Math.min(size / 10, perSecond * LEFT_S)), perSecond];
}

/** Before a call is tried again: 1 to 60 s. */
export function backOffMs(failures: number, random: () => number): number {
  return backOff({ firstMs: 1000, longestMs: 60_000 }, failures, random);
}
