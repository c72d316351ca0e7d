const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Turns the signals that would end this process into an abort, so that guests are ended and files removed first.
 * `status` is what the process should then exit with; undefined as long as no signal came.
 */
export class Interrupt implements Disposable {
  status: number | undefined;
  readonly #controller = new AbortController();

  constructor() {
    for (const name of Object.keys(statuses)) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #onSignal = (name: keyof typeof statuses): void => {
    this.status ??= statuses[name];
    this.#controller.abort();
  };

  [Symbol.dispose](): void {
    for (const name of Object.keys(statuses)) process.off(name, this.#onSignal);
  }
}
