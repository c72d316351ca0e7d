import type { Action, Decision, Note } from "./action.ts";

export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

/** A decision that is being made. */
export class Draft implements Decision {
  readonly actions: Action[] = [];
  readonly notes: Note[] = [];
  wakeAt: number | undefined;

  wake(at: number): void {
    this.wakeAt = earlier(this.wakeAt, at);
  }

  /** Whether it may be tried now; otherwise it wakes when it may. */
  isDue(retry: { readonly notBefore: number } | undefined, now: number): boolean {
    if (retry === undefined || retry.notBefore <= now) return true;
    this.wake(retry.notBefore);
    return false;
  }
}
