/** A call that waits until it is let go, so that its client can end in the middle of it. */
export interface Hold {
  /** An action, or "*". */
  readonly action: string;
  /** Whether it is carried out first, so that only its answer waits. */
  readonly after: boolean;
}

/** Reads a hold from outside; throws in one line. */
export function readHold(value: Readonly<Record<string, unknown>>): Hold {
  const { action = "*", after = false } = value;
  if (typeof action !== "string") throw new TypeError(`"action" is a name, not ${JSON.stringify(action)}`);
  if (typeof after !== "boolean") throw new TypeError(`"after" is true or false`);
  return { action, after };
}

/** Each hold is for the next call of its action. */
export class Holds {
  private readonly wanted: Hold[] = [];
  private readonly waiting: { readonly action: string; readonly after: boolean; letGo: () => void }[] = [];

  add(hold: Hold): void {
    this.wanted.push(hold);
  }

  /** Holds that have met no call yet, and calls that wait. */
  state(): { readonly wanted: readonly Hold[]; readonly held: readonly Hold[] } {
    return { wanted: this.wanted, held: this.waiting.map(({ action, after }) => ({ action, after })) };
  }

  /** Lets all go, and forgets those that have met no call. */
  letGo(): void {
    this.wanted.length = 0;
    for (const { letGo } of this.waiting.splice(0)) letGo();
  }

  /** Waits if the call is to be held there. */
  async pass(action: string, after: boolean): Promise<void> {
    const index = this.wanted.findIndex(
      (hold) => hold.after === after && (hold.action === "*" || hold.action === action),
    );
    if (index < 0) return;
    this.wanted.splice(index, 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.push({ action, after, letGo: resolve });
    await promise;
  }
}
