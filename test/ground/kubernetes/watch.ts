import type { IncomingMessage } from "node:http";
import { eventually } from "../run.ts";

export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

/** The events of a watch, as they come. */
export class Watch<T> implements Disposable {
  readonly #abort: AbortController;
  readonly #events: WatchEvent<T>[] = [];
  #rest = "";
  #hasEnded = false;

  constructor(response: IncomingMessage, abort: AbortController) {
    this.#abort = abort;
    response.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = `${this.#rest}${chunk}`.split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") this.#events.push(JSON.parse(line) as WatchEvent<T>);
    });
    // However it ends: by the server, by us, by a broken connection.
    response.on("error", () => undefined).on("close", () => (this.#hasEnded = true));
  }

  /** Whether the server, or we, have ended it. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes the next event that fits, and drops those before it. */
  next(fits: (event: WatchEvent<T>) => boolean = () => true, timeout = 10_000): Promise<WatchEvent<T>> {
    return eventually(
      "the event watched for",
      () => {
        for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift())
          if (fits(event)) return event;
        if (this.#hasEnded) throw new Error("the watch has ended");
        return undefined;
      },
      timeout,
    );
  }

  close(): void {
    this.#abort.abort();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
