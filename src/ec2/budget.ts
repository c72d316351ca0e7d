import { backOff } from "../sys/back-off.ts";
import type { Timer } from "../sys/timer.ts";

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

/** A throttled API never goes slower than this part of its rate. */
const SLOWEST = 1 / 16;
/** In so long after a throttled call the rate doubles again. */
const RECOVERY_MS = 30_000;

/** One bucket for an API: whoever calls waits for a token, first come, first served. */
export class Budget {
  private readonly size: number;
  private readonly perSecond: number;
  private readonly clock: Timer;
  private level: number;
  private at: number;
  private share = 1;
  private slowedAt = 0;

  constructor([size, perSecond]: BudgetSize, clock: Timer) {
    this.size = size;
    this.perSecond = perSecond;
    this.clock = clock;
    this.level = size;
    this.at = clock.now();
  }

  /** Takes a token, once there is one. A wait that is aborted gives its token back. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.refill();
    this.level -= 1;
    if (this.level >= 0) return;
    try {
      await this.clock.sleep((-this.level / this.rate()) * 1000, signal);
    } catch (error) {
      this.level += 1;
      throw error;
    }
  }

  /** EC2's bucket is empty, whatever ours says: it starts anew from nothing, at half the rate. */
  throttled(): void {
    this.refill();
    this.level = Math.min(this.level, 0);
    this.share = Math.max(SLOWEST, this.share / 2);
    this.slowedAt = this.clock.now();
  }

  /** Tokens a second at this moment. */
  rate(): number {
    return this.perSecond * this.share;
  }

  private refill(): void {
    const now = this.clock.now();
    this.level = Math.min(this.size, this.level + ((now - this.at) / 1000) * this.rate());
    this.at = now;
    while (this.share < 1 && now - this.slowedAt >= RECOVERY_MS) {
      this.share = Math.min(1, this.share * 2);
      this.slowedAt += RECOVERY_MS;
    }
  }
}

/** A budget for each API, made when it is first called. */
export class Budgets {
  private readonly clock: Timer;
  private readonly overrides: Readonly<Record<string, BudgetSize>>;
  private readonly byAction = new Map<string, Budget>();

  constructor(clock: Timer, overrides: Readonly<Record<string, BudgetSize>> = {}) {
    this.clock = clock;
    this.overrides = overrides;
  }

  of(action: string): Budget {
    let budget = this.byAction.get(action);
    if (budget === undefined) {
      const builtIn = SIZES[action] ?? (action.startsWith("Describe") ? DESCRIBE : MUTATING);
      budget = new Budget(this.overrides[action] ?? builtIn, this.clock);
      this.byAction.set(action, budget);
    }
    return budget;
  }
}

/** Before a call is tried again: 1 to 60 s. */
export function backOffMs(failures: number, random: () => number): number {
  return backOff({ firstMs: 1000, longestMs: 60_000 }, failures, random);
}
