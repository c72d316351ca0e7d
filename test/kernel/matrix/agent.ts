// The caller's side of agent.mjs.
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { inNetns, type Netns } from "../../ground/index.ts";

export interface Tries {
  /** How many of them were answered. */
  readonly answered: number;
  /** The first answer: the server's name, and the address it saw. */
  readonly reply: string;
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

export class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: unknown) => void; reject: (error: Error) => void }
  >();
  readonly #ended: Promise<void>;
  #count = 0;

  constructor(netns: Netns) {
    const [file, ...args] = inNetns(netns, [process.execPath, path.join(import.meta.dirname, "agent.mjs")]);
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = new Promise((resolve) => {
      this.#child.on("close", () => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`the agent in ${netns} ended`));
        resolve();
      });
    });
    if (this.#child.stdout === null) throw new Error("no pipe");
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, answer, error } = JSON.parse(line) as { id: number; answer?: unknown; error?: string };
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(error));
    });
  }

  async listen(name: string, ports: readonly number[]): Promise<void> {
    await this.#order({ order: "listen", name, ports });
  }

  /** Milliseconds. */
  async try(to: Target, count: number, timeout: number): Promise<Tries> {
    return (await this.#order({ order: "try", count, timeout, ...to })) as Tries;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #order(order: object): Promise<unknown> {
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, ...order })}\n`);
    });
  }
}
