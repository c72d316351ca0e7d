// A server as a child: started, ended by its pid, and never outliving us.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { sleep } from "../run.ts";

/** How long one may take to end after SIGTERM. */
const STOP_MS = 20_000;
const TAIL_LINES = 20;

/** The kernel kills the child when the thread that started it ends; unless that has ended before it could be told. */
const WITH_US = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"'] as const;

export class Daemon {
  readonly name: string;
  readonly #argv: readonly [string, ...string[]];
  readonly #log: string;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** Where in the log the running process begins. */
  #from = 0;

  /** Appends what it says to the file `log`. */
  constructor(name: string, argv: readonly [string, ...string[]], log: string) {
    this.name = name;
    this.#argv = argv;
    this.#log = log;
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  start(): void {
    if (this.isRunning) throw new Error(`${this.name} is running already`);
    const log = openSync(this.#log, "a", 0o600);
    this.#from = statSync(this.#log).size;
    const [file, ...args] = WITH_US;
    const child = spawn(file, [...args, String(process.pid), ...this.#argv], { stdio: ["ignore", log, log] });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      child.once("error", () => resolve());
      child.once("exit", () => resolve());
    });
    this.#child = child;
  }

  /** Sends a signal, SIGSTOP for instance, to the running process. */
  signal(name: NodeJS.Signals): void {
    if (!this.isRunning) throw new Error(`${this.name} is not running`);
    this.#child?.kill(name);
  }

  /** Ends it and waits until it has ended; by SIGKILL if it takes too long. Does nothing if it is not running. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (!this.isRunning) return;
    const child = this.#child;
    child?.kill(signal);
    const timer = setTimeout(() => child?.kill("SIGKILL"), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** What the process that was started last has said. */
  get said(): string {
    return readFileSync(this.#log).subarray(this.#from).toString();
  }

  /**
   * Waits until `lacks` answers undefined, and not what is missing yet.
   *
   * @throws {Error} with the end of its log, when it ends before, or does not get there in time
   */
  async ready(lacks: () => Promise<string | undefined>, timeout: number): Promise<void> {
    for (const end = Date.now() + timeout; ; await sleep(50)) {
      if (!this.isRunning) throw this.#failure("ended");
      const missing = await lacks();
      if (missing === undefined) return;
      if (Date.now() >= end) throw this.#failure(`is not ready after ${timeout / 1000} s: ${missing}`);
    }
  }

  #failure(what: string): Error {
    const tail = this.said.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
    return new Error(`${this.name} ${what}; its log ends with:\n${tail}`);
  }
}
