import { spawnSync } from "node:child_process";
import { childrenCpuMs } from "./rusage.ts";
import { type Figures, figuresOf, pairwise } from "./stats.ts";

/** A whole process to be timed. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** It ends by a signal, and that is how it is meant to end. */
  readonly endsBySignal?: true;
}

/** One thing to be compared: run once a round, after what the others need has been put in place. */
export interface Point {
  readonly name: string;
  /** Not timed. */
  readonly before?: () => void;
  readonly command: () => Command;
  /** Not timed. */
  readonly after?: () => void;
}

export interface Measured {
  readonly name: string;
  readonly wallMs: Figures;
  readonly cpuMs: Figures;
  /** Against the point that all are compared with, round by round: a machine that slows down slows both of a pair. */
  readonly compared: Comparison;
}

/** Medians of what two runs of the same round differ by. */
export interface Comparison {
  readonly wallRatio: number;
  readonly cpuRatio: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

/**
 * Rounds of all points in turn, so that a machine that slows down slows all of them; the first rounds warm caches and do
 * not count. A command that fails ends the benchmark: its time would mean nothing. `base` is the index of the point that
 * the others are compared with.
 */
export function measure(points: readonly Point[], rounds: number, warmUp: number, base = 0): Measured[] {
  const samples = points.map((point) => ({ point, wall: [] as number[], cpu: [] as number[] }));
  for (let round = -warmUp; round < rounds; round++) {
    for (const { point, wall, cpu } of samples) {
      point.before?.();
      const sample = timeOnce(point.command());
      point.after?.();
      if (round < 0) continue;
      wall.push(sample.wallMs);
      cpu.push(sample.cpuMs);
    }
  }
  const other = samples[base] ?? { wall: [], cpu: [] };
  return samples.map(({ point, wall, cpu }) => ({
    name: point.name,
    wallMs: figuresOf(wall),
    cpuMs: figuresOf(cpu),
    compared: {
      wallRatio: pairwise(wall, other.wall, (a, b) => a / b),
      cpuRatio: pairwise(cpu, other.cpu, (a, b) => a / b),
      wallMs: pairwise(wall, other.wall, (a, b) => a - b),
      cpuMs: pairwise(cpu, other.cpu, (a, b) => a - b),
    },
  }));
}

export function timeOnce(command: Command): { wallMs: number; cpuMs: number } {
  const cpu = childrenCpuMs();
  const started = performance.now();
  run(command);
  return { wallMs: performance.now() - started, cpuMs: childrenCpuMs() - cpu };
}

/** Runs to the end; throws what it said when it fails. */
export function run({ argv: [file, ...args], env = {}, stdin = "", endsBySignal }: Command): string {
  const ended = spawnSync(file, args, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    input: stdin,
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (ended.status === 0 || (endsBySignal === true && ended.signal !== null)) return ended.stdout;
  throw new Error(
    `${file} ${args.join(" ")}: exit ${ended.status ?? ended.signal}: ${ended.stdout}${ended.stderr}`,
  );
}

/** Peak resident memory in MiB, by GNU time: the kernel's account of the whole process. */
export function peakMiB(command: Command): number {
  const [file, ...args] = command.argv;
  const ended = spawnSync("/usr/bin/time", ["-f", "%M", file, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...command.env },
    input: command.stdin ?? "",
    encoding: "utf8",
  });
  return Math.round(Number(ended.stderr.trim().split("\n").at(-1)) / 102.4) / 10;
}
