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
  /** By UID: when it is its turn. */
  private readonly turns = new Map<string, number>();
  private lastTurn = 0;

  constructor({ burst, perSecond, ownMs }: { burst: number; perSecond: number; ownMs: number }) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.ownMs = ownMs;
    this.tokens = burst;
  }

  /**
   * Milliseconds until the object of this UID may be written; 0 takes a token. Each that has to wait has a turn of its own:
   * of thousands each would come again with the next token, and most of them for nothing.
   */
  take(uid: string, now: number): number {
    const own = (this.writtenAt.get(uid) ?? -Infinity) + this.ownMs - now;
    if (own > 0) return own;
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.filledAt) / 1000) * this.perSecond);
    this.filledAt = now;
    if (this.tokens < 1) return this.turnOf(uid, now) - now;
    this.tokens -= 1;
    this.turns.delete(uid);
    this.writtenAt.set(uid, now);
    return 0;
  }

  forget(uid: string): void {
    this.turns.delete(uid);
    this.writtenAt.delete(uid);
  }

  private turnOf(uid: string, now: number): number {
    const turn = this.turns.get(uid);
    if (turn !== undefined && turn > now) return turn;
    this.lastTurn = Math.max(this.lastTurn, now) + 1000 / this.perSecond;
    this.turns.set(uid, this.lastTurn);
    return this.lastTurn;
  }
}
