/**
 * Who waits for a token of EC2's, the most urgent first: pods that wait for a branch; groups of living pods that change; what
 * is released; what is made ahead.
 */
export const PRIORITIES = ["waiting", "changing", "releasing", "warming"] as const;
export type Priority = (typeof PRIORITIES)[number];

/**
 * Each eighth token goes to whoever has waited longest, whatever it is for. So nobody waits longer than eight times as long
 * as first come, first served would take, and it costs pods an eighth at most. Releases need it above all: what they free,
 * addresses and the account's quota, may be what the pods wait for.
 */
const OLDEST_EACH = 8;

interface Waiting {
  readonly go: () => void;
}

/** Those who wait, each with what is called when its turn comes. */
export class WaitingLine {
  private readonly lines = new Map<Priority, Set<Waiting>>(
    PRIORITIES.map((priority) => [priority, new Set()]),
  );
  /** All of them, the longest waiting first. */
  private readonly all = new Map<Waiting, Priority>();
  private served = 0;

  get length(): number {
    return this.all.size;
  }

  /** Returns what takes it out again. */
  join(priority: Priority, go: () => void): () => void {
    const waiting = { go };
    this.lines.get(priority)?.add(waiting);
    this.all.set(waiting, priority);
    return () => this.leave(waiting);
  }

  /** Calls the next one, if there is any. */
  serve(): void {
    const next = this.next();
    if (next === undefined) return;
    this.served = this.all.size === 1 ? 0 : this.served + 1;
    this.leave(next);
    next.go();
  }

  private next(): Waiting | undefined {
    const [oldest] = this.all.keys();
    if (this.served % OLDEST_EACH === OLDEST_EACH - 1) return oldest;
    for (const priority of PRIORITIES) {
      const [first] = this.lines.get(priority) ?? [];
      if (first !== undefined) return first;
    }
    return undefined;
  }

  private leave(waiting: Waiting): void {
    const priority = this.all.get(waiting);
    if (priority === undefined) return;
    this.all.delete(waiting);
    this.lines.get(priority)?.delete(waiting);
  }
}
