import type { Timer } from "../../src/sys/timer.ts";

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** A timer that stands still until it is advanced. */
export class ManualTimer implements Timer {
  private time = 0;
  private readonly sleepers = new Set<Sleeper>();

  now(): number {
    return this.time;
  }

  /** How many sleep. */
  get sleeping(): number {
    return this.sleepers.size;
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal.aborted) reject(signal.reason as Error);
    else {
      const sleeper = { due: this.time + milliseconds, wake: resolve };
      this.sleepers.add(sleeper);
      signal.addEventListener("abort", () => {
        this.sleepers.delete(sleeper);
        reject(signal.reason as Error);
      });
    }
    return promise;
  }

  /** Wakes whoever is due, in order, each with time to go on before the next. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settle();
    for (;;) {
      const next = [...this.sleepers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.sleepers.delete(next);
      this.time = Math.max(this.time, next.due);
      next.wake();
      await settle();
    }
    this.time = end;
    await settle();
  }
}

/** Lets everything run that does not wait for time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
