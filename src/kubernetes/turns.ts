import { onAbort } from "../sys/on-abort.ts";

/** At most so many at once; the others wait, first come, first served. */
export class Turns {
  private free: number;
  private readonly line = new Set<() => void>();

  constructor(most: number) {
    this.free = most;
  }

  /** Those who wait. */
  get waiting(): number {
    return this.line.size;
  }

  /** Resolves when it is one's turn, with what ends it. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.wait(signal);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (!isOver) this.next();
        isOver = true;
      },
    };
  }

  private async wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.line.add(resolve);
    const forget = onAbort(signal, () => {
      this.line.delete(resolve);
      reject(signal.reason as Error);
    });
    try {
      await promise;
    } finally {
      forget();
    }
  }

  /** Whoever is called has the turn, also one whose signal is aborted at this moment: it goes on and ends it. */
  private next(): void {
    const [first] = this.line;
    if (first === undefined) {
      this.free += 1;
      return;
    }
    this.line.delete(first);
    first();
  }
}
