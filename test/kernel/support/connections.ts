// The caller's side of connections.mjs.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { inNetns, type Netns } from "../../ground/index.ts";

export interface Flow {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** A connection each so many milliseconds. */
  readonly every: number;
  /** Taken in turns; the kernel chooses when there are none. */
  readonly localPorts?: readonly number[];
  /** Ended by RST, which leaves no TIME_WAIT, as kubelet ends its TCP probes. */
  readonly reset?: boolean;
}

export interface Summary {
  readonly name: string;
  readonly tried: number;
  /** How many, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  /** Milliseconds, of which an emulated processor adds many. */
  readonly slowest: number;
}

export interface Party {
  readonly netns: Netns;
  readonly listen: readonly number[];
  readonly flows: readonly Flow[];
}

/** What one party saw. */
export interface Account {
  readonly flows: readonly Summary[];
  /** Segments that the TCP of its namespace sent again because they were lost. */
  readonly resent: number;
}

/** All of them at the same time, for so many seconds. */
export async function connections(parties: readonly Party[], seconds: number): Promise<Account[]> {
  const started = parties.map((party) => new Running(party, seconds));
  try {
    await Promise.all(started.map((one) => one.line()));
    for (const one of started) one.go();
    const lines = await Promise.all(started.map((one) => one.line()));
    return lines.map((line) => JSON.parse(line) as Account);
  } finally {
    await Promise.all(started.map((one) => one.stop()));
  }
}

class Running {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<void>;

  constructor({ netns, listen, flows }: Party, seconds: number) {
    const script = path.join(import.meta.dirname, "connections.mjs");
    const order = JSON.stringify({ listen, flows, seconds });
    const [file, ...args] = inNetns(netns, [process.execPath, script, order]);
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = new Promise((resolve) => this.#child.on("close", () => resolve()));
    if (this.#child.stdout === null) throw new Error("no pipe");
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("it ended without a word");
    return value;
  }

  go(): void {
    this.#child.stdin?.write("go\n");
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
