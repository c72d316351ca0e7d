// What a person reads while it happens: headings with the time so far, and a few indented lines below each.

/** Somebody, or the clock, ended the demo. */
export class Interrupted extends Error {
  override name = "Interrupted";
  readonly status: number;

  constructor(why: string, status: number) {
    super(why);
    this.status = status;
  }
}

/** Prints lines as they come. Each beginning is where an interrupt takes effect: what came before is done. */
export class Story implements Disposable {
  /** Cleaning up is not interrupted any more. */
  ending = false;
  /** The last thing that was said to begin. */
  doing = "starting";
  #interrupt: Interrupted | undefined;
  readonly #limitSeconds: number;
  readonly #begin = performance.now();
  #lastWord = performance.now();
  readonly #pulse = setInterval(() => this.#stillAtIt(), 1_000).unref();
  readonly #onInt = () => (this.#interrupt ??= new Interrupted("interrupted", 130));
  readonly #onTerm = () => (this.#interrupt ??= new Interrupted("asked to end", 143));

  /** `limitSeconds`: longer than any run that is going well. */
  constructor(limitSeconds: number) {
    this.#limitSeconds = limitSeconds;
    process.on("SIGINT", this.#onInt).on("SIGTERM", this.#onTerm);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#pulse);
    process.off("SIGINT", this.#onInt).off("SIGTERM", this.#onTerm);
  }

  get seconds(): number {
    return (performance.now() - this.#begin) / 1000;
  }

  print(line = ""): void {
    this.#lastWord = performance.now();
    process.stdout.write(`${line}\n`);
  }

  heading(text: string): void {
    this.#begins(text);
    const time = this.seconds.toFixed(0).padStart(3);
    this.print(`\n-- ${text} ${"-".repeat(Math.max(2, 84 - text.length))} ${time} s`);
  }

  /** One line, said before the thing is done. */
  step(text: string): void {
    this.#begins(text);
    this.print(`   ${text}`);
  }

  /** A command in some place, and what it printed. */
  shown(command: string, output: string): void {
    if (command !== "") this.print(`   ${command}`);
    for (const line of output.trimEnd().split("\n")) this.print(`     ${line.trimEnd()}`);
  }

  /** An outcome below what was tried. */
  outcome(text: string, asExpected: boolean): void {
    this.print(`   ${asExpected ? "=>" : "!!"} ${text}${asExpected ? "" : "   (not what was expected)"}`);
  }

  #stillAtIt(): void {
    if (performance.now() - this.#lastWord > 12_000) this.print(`   ... ${this.seconds.toFixed(0)} s`);
  }

  /** Throws if somebody, or the clock, has ended the demo. */
  check(): void {
    if (this.ending) return;
    if (this.seconds > this.#limitSeconds)
      this.#interrupt ??= new Interrupted(`not done after ${this.#limitSeconds} s`, 1);
    if (this.#interrupt !== undefined) throw this.#interrupt;
  }

  #begins(what: string): void {
    this.check();
    this.doing = what;
  }
}
