import { StringDecoder } from "node:string_decoder";

// A guest that floods its console must not fill the host's memory.
const maxLineLength = 16_384;
const maxLines = 20_000;

// With the kernel's time stamp before it: a test's output that mentions a panic has none.
const panic = /\[ *\d+\.\d{6}\] Kernel panic - not syncing:? ?(.*)/;

// How every guest ends: no news to anybody.
const farewell = /^\[ *\d+\.\d{6}\] reboot: Power down$/;

/** Cuts the bytes of a serial console into lines, keeps the last of them, and notices a kernel panic. */
export class Console {
  /** What the kernel said when it panicked. */
  panic: string | undefined;
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #lines: string[] = [];
  #pending = "";

  constructor(onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine;
  }

  /** Takes the next bytes. */
  write(bytes: Buffer): void {
    const lines = (this.#pending + this.#decoder.write(bytes)).split("\n");
    this.#pending = lines.pop() ?? "";
    for (const line of lines) this.#add(line);
    if (this.#pending.length > maxLineLength) this.end();
  }

  /** Takes what was written last without an end of line. */
  end(): void {
    const rest = this.#pending;
    this.#pending = "";
    if (rest !== "") this.#add(rest);
  }

  /** All that was kept, or its last lines. */
  lines(last = maxLines): string[] {
    return this.#lines.slice(-last);
  }

  #add(raw: string): void {
    const line = raw.replace(/\r+$/, "");
    if (farewell.test(line)) return;
    this.panic ??= panic.exec(line)?.[1];
    this.#lines.push(line);
    // Cut seldom: a shift for each line would cost more than the lines.
    if (this.#lines.length > 2 * maxLines) this.#lines = this.#lines.slice(-maxLines);
    this.#onLine(line);
  }
}
