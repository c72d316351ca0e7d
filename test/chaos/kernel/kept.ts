import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

/**
 * A program that answers what it is asked on its standard input, kept running: in an emulated guest the start of a
 * process costs more than most of what it does.
 */
export class Kept {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<void>;
  #output = "";
  #complaint = "";
  #isWhole: (output: string) => boolean = () => false;
  #settle: () => void = () => undefined;

  /** It lives in the namespaces that this thread is in now. */
  constructor(file: string, args: readonly string[]) {
    this.#child = spawn(file, args, { stdio: "pipe" });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      if (this.#isWhole(this.#output)) this.#settle();
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#complaint += text));
    // It has ended, and says why on the other stream.
    this.#child.stdin.on("error", () => undefined);
    this.#closed = new Promise((resolve) => {
      this.#child.on("close", () => {
        this.#settle();
        resolve();
      });
    });
  }

  /** What it says until `isWhole`. Throws when it ends before that, or takes longer than a minute. */
  async ask(text: string, isWhole: (output: string) => boolean): Promise<string> {
    this.#output = "";
    this.#isWhole = isWhole;
    const answered = new Promise<void>((resolve) => {
      this.#settle = resolve;
    });
    this.#child.stdin.write(text);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 60_000);
    await answered;
    clearTimeout(timer);
    if (isWhole(this.#output)) return this.#output;
    throw new Error(`it ended: ${this.#output}${this.#complaint}\n--- of\n${text}`);
  }

  /** Ends it; what it was in may go afterwards. */
  end(): Promise<void> {
    this.#child.kill("SIGKILL");
    return this.#closed;
  }
}
