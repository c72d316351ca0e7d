/**
 * How fast statuses may be written: each write goes to every agent of the cluster, which all watch policies. A burst, then so
 * many a second, and each policy seldom.
 */
export class Pace {
  private readonly burst: number;
  private readonly perSecond: number;
  private readonly ownMs: number;
  private tokens: number;
  private filledAt = 0;
  private readonly writtenAt = new Map<string, number>();

  constructor({ burst, perSecond, ownMs }: { burst: number; perSecond: number; ownMs: number }) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.ownMs = ownMs;
    this.tokens = burst;
  }

  /** Milliseconds until the object of this UID may be written; 0 takes a token. */
  take(uid: string, now: number): number {
    const own = (this.writtenAt.get(uid) ?? -Infinity) + this.ownMs - now;
    if (own > 0) return own;
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filledAt) / 1000) * this.perSecond);
    this.filledAt = now;
    if (this.tokens < 1) return ((1 - this.tokens) / this.perSecond) * 1000;
    this.tokens -= 1;
    this.writtenAt.set(uid, now);
    return 0;
  }

  forget(uid: string): void {
    this.writtenAt.delete(uid);
  }
}
