import type { Timer } from "../../src/sys/timer.ts";

interface Due {
  readonly at: number;
  /** Of two at the same time, the one that was asked for first. */
  readonly number: number;
  readonly run: () => void;
}

/** Modelled time, in milliseconds: it goes from one event to the next. */
export class ModelClock {
  now = 0;
  private number = 0;
  private readonly queue: Due[] = [];

  /** Runs it after so long. Returns what calls that off. */
  after(milliseconds: number, run: () => void): () => void {
    this.number += 1;
    const due = { at: this.now + milliseconds, number: this.number, run };
    let place = this.queue.length;
    while (place > 0 && isBefore(due, this.queue[place - 1])) place -= 1;
    this.queue.splice(place, 0, due);
    return () => {
      const index = this.queue.indexOf(due);
      if (index !== -1) this.queue.splice(index, 1);
    };
  }

  /** The next event happens, and all that follows from it without waiting. False when there is none up to `end`. */
  async step(end: number): Promise<boolean> {
    const next = this.queue[0];
    if (next === undefined || next.at > end) return false;
    this.queue.shift();
    this.now = next.at;
    next.run();
    // Runs when no promise is left that can go on.
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  /** For a process: nothing of it wakes up once it is dead. */
  timerOf(process: { readonly isAlive: boolean }): Timer {
    return {
      now: () => this.now,
      sleep: (milliseconds, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        if (signal.aborted) {
          reject(signal.reason as Error);
          return promise;
        }
        const abort = () => {
          callOff();
          if (process.isAlive) reject(signal.reason as Error);
        };
        const callOff = this.after(milliseconds, () => {
          signal.removeEventListener("abort", abort);
          if (process.isAlive) resolve();
        });
        signal.addEventListener("abort", abort, { once: true });
        return promise;
      },
    };
  }
}

/** Whether the one is before the other; a later number never is at the same time. */
function isBefore(one: Due, other: Due | undefined): boolean {
  return other !== undefined && one.at < other.at;
}
