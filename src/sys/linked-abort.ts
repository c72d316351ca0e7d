import { onAbort } from "./on-abort.ts";

/**
 * A signal that follows others for a while. AbortSignal.any is for signals that end together: in Node 24 each one that
 * follows a signal which lives for months leaves some hundred bytes behind.
 */
export class LinkedAbort implements Disposable {
  private readonly controller = new AbortController();
  private readonly unlink: (() => void)[] = [];

  constructor(...signals: readonly AbortSignal[]) {
    for (const signal of signals) {
      if (signal.aborted) {
        this.controller.abort(signal.reason);
        break;
      }
      this.unlink.push(onAbort(signal, () => this.controller.abort(signal.reason)));
    }
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.controller.abort(reason);
  }

  [Symbol.dispose](): void {
    for (const unlink of this.unlink) unlink();
  }
}
