import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import type { Readable } from "node:stream";
import { eventually } from "../../ground/run.ts";

const OURS = path.resolve(import.meta.dirname, "../../../dist/branchline");

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [key: string]: unknown;
}

export interface PartOptions {
  /** The command and its flags. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is run, `dist/branchline` unless told; it may be a program that runs it. */
  readonly program?: readonly [string, ...string[]];
  /** Hears each line of stdout. */
  readonly hear?: ((line: string) => void) | undefined;
}

/** A part of branchline that runs for long, as a process. */
export class RunningPart implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor({ args, env, program = [OURS], hear }: PartOptions) {
    const [file, ...before] = program;
    this.child = spawn(file, [...before, ...args], {
      stdio: ["ignore", hear === undefined ? "ignore" : "pipe", "pipe"],
      env,
    });
    onLine(this.child.stderr, (line) => this.lines.push(JSON.parse(line) as LogLine));
    if (hear !== undefined) onLine(this.child.stdout, hear);
    const { promise, resolve } = Promise.withResolvers<number | null>();
    this.child.once("close", resolve);
    this.ended = promise;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Has ended, by whatever. */
  whenEnded(): Promise<number | null> {
    return this.ended;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  async health(what: string): Promise<{ status: number; text: string }> {
    const url = this.lines.find(({ health }) => health !== undefined)?.["health"];
    if (typeof url !== "string") return { status: 0, text: "" };
    const answer = await fetch(`${url}/${what}`);
    return { status: answer.status, text: await answer.text() };
  }

  /** Empty until it listens. */
  get metricsUrl(): string {
    const url = this.lines.find(({ metrics }) => metrics !== undefined)?.["metrics"];
    return typeof url === "string" ? url : "";
  }

  /** The figures of /metrics by name, with their labels in the name. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const url = this.metricsUrl;
    if (url === "") return new Map();
    const text = await (await fetch(`${url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  async isReady(): Promise<void> {
    await eventually("it is ready", async () =>
      (await this.health("readyz")).status === 200 ? true : undefined,
    );
  }

  /** /readyz says that this condition is not met, and why. */
  async lacks(condition: string, why: string): Promise<void> {
    await eventually(`${condition} is said to lack: ${why}`, async () => {
      const { status, text } = await this.health("readyz");
      const line = text.split("\n").find((one) => one.startsWith(`[-]${condition}`));
      return status === 503 && line?.includes(why) === true ? true : undefined;
    });
  }
}

function onLine(stream: Readable | null, hear: (line: string) => void): void {
  let rest = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(line);
  });
}
