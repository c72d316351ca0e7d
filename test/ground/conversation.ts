// Connections that live on while rules change: one process for each end.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import path from "node:path";
import { inNetns, type Netns } from "./netns.ts";

const SCRIPT = path.join(import.meta.dirname, "conversation.mjs");

/** One end: of a connection, or the server of all of them. */
export class Conversation {
  readonly #child: ChildProcessWithoutNullStreams;
  #said = "";
  #count = 0;

  private constructor(netns: Netns, args: readonly string[]) {
    const [file, ...argv] = inNetns(netns, [process.execPath, SCRIPT, ...args]);
    this.#child = spawn(file, argv, { stdio: "pipe" });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    this.#child.stdin.on("error", () => undefined);
  }

  /** Echoes TCP and UDP. */
  static serve(netns: Netns, port: number): Promise<Conversation> {
    return Conversation.#begin(netns, ["serve", String(port)]);
  }

  static tcp(netns: Netns, address: string, port: number): Promise<Conversation> {
    return Conversation.#begin(netns, ["tcp", address, String(port)]);
  }

  /** From a port of its own, so that another pod can go on with it. */
  static udp(netns: Netns, address: string, port: number, own: number): Promise<Conversation> {
    return Conversation.#begin(netns, ["udp", address, String(port), String(own)]);
  }

  static async #begin(netns: Netns, args: readonly string[]): Promise<Conversation> {
    const conversation = new Conversation(netns, args);
    if (await conversation.#hears("ready", 10_000)) return conversation;
    await conversation.close();
    throw new Error(`no conversation: ${args.join(" ")}`);
  }

  /** Whether what is said comes back within so many milliseconds. */
  async isAnswered(timeout = 2000): Promise<boolean> {
    const word = `word-${(this.#count += 1)}`;
    this.#child.stdin.write(`${word}\n`);
    return this.#hears(word, timeout);
  }

  async #hears(word: string, timeout: number): Promise<boolean> {
    const end = Date.now() + timeout;
    while (!this.#said.split("\n").includes(word)) {
      if (Date.now() > end || this.#child.exitCode !== null) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }

  async close(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
