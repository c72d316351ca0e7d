/**
 * Runs the suites of a tier and sums them up:
 *
 *     node test/suites/run.ts gate|all [--only NAME...] [--report FILE]
 *
 * Those of this machine come first, one after the other; then the guests, two at once, each with its suites in one boot.
 * --only runs some suites of the tier. --report FILE also writes the summary there (docs/test-all.md), unless suites were
 * left out or somebody interrupted.
 *
 * Leaves vitest's reports in .cache/reports, and the guests' consoles. Exits with 0 only if every suite that was
 * asked for ran and passed; the last line is "N passed, N failed".
 */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runInGuest } from "../vm/guest.ts";
import { findKernel } from "../vm/kernel.ts";
import { repository } from "../vm/repository.ts";
import { Interrupt } from "../vm/signals.ts";
import { PIECES, SHARES, suites, type Suite } from "./manifest.ts";
import { pieceOf, readCommit } from "./piece.ts";
import { readOutcome, type Outcome } from "./outcome.ts";
import { filesOfProjects, filesOnDisk } from "./files.ts";
import { summarize } from "./summarize.ts";
import { writeTierReport } from "./tier-report.ts";

const reports = join(repository, ".cache", "reports");
const player = join(import.meta.dirname, "play.ts");
const MINUTE_MS = 60_000;

/** When a suite's place was busy with it, in ms since the epoch. */
interface Interval {
  readonly start: number;
  readonly end: number;
}

/** Ends the process when the bound is over or somebody interrupts; the suite then lacks its end file. */
async function playHere(suite: Suite, signal: AbortSignal): Promise<Interval> {
  const start = Date.now();
  await new Promise<void>((resolve) => {
    const child = spawn("node", [player, reports, JSON.stringify([suite])], {
      cwd: repository,
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    const stop = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    };
    const timer = setTimeout(stop, suite.bound * MINUTE_MS);
    signal.addEventListener("abort", stop);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      resolve();
    };
    child.on("error", settle);
    child.on("close", settle);
  });
  return { start, end: Date.now() };
}

interface Boot {
  readonly place: Exclude<Suite["place"], "here">;
  readonly cpus: number;
  readonly suites: readonly Suite[];
}

function boots(chosen: readonly Suite[]): Boot[] {
  const found = new Map<string, Suite[]>();
  for (const suite of chosen) {
    if (suite.place === "here") continue;
    const key = `${suite.place} ${suite.cpus ?? 1}`;
    found.set(key, [...(found.get(key) ?? []), suite]);
  }
  return [...found.entries()].map(([key, list]) => {
    const [place = "", cpus = "1"] = key.split(" ");
    return { place: place as Boot["place"], cpus: Number(cpus), suites: list };
  });
}

/** What went wrong with the guest as a whole is in the console's file, and the suites lack their end files. */
async function playInGuest(
  { place, cpus, suites: list }: Boot,
  signal: AbortSignal,
  bootedAgain: () => void,
): Promise<Interval> {
  const start = Date.now();
  const log = join(reports, `guest-${place}-${cpus}.console.log`);
  writeFileSync(log, "");
  const print = (line: string): void => {
    appendFileSync(log, `${line}\n`);
    process.stdout.write(`${place} | ${line}\n`);
  };
  try {
    const { release } = await runInGuest({
      kernel: findKernel(place),
      command: ["node", player, "/run/out", JSON.stringify(list)],
      cwd: repository,
      timeoutMs: list.reduce((sum, { bound }) => sum + bound, 0) * MINUTE_MS,
      cpus,
      outDir: reports,
      onLine: print,
      onBootAgain: bootedAgain,
      signal,
    });
    for (const { name } of list) writeFileSync(join(reports, `${name}.kernel`), release);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    print(reason);
    for (const { name } of list) writeFileSync(join(reports, `${name}.guest`), reason);
  }
  return { start, end: Date.now() };
}

/** Two at once: each emulates one processor, and there are two cores. One with two processors runs alone. */
async function playGuests(
  all: readonly Boot[],
  signal: AbortSignal,
  ended: (suites: readonly Suite[], interval: Interval) => void,
  bootedAgain: (boot: Boot) => void,
): Promise<void> {
  const play = async (boot: Boot): Promise<void> =>
    ended(boot.suites, await playInGuest(boot, signal, () => bootedAgain(boot)));
  const waiting = all.filter(({ cpus }) => cpus === 1);
  const worker = async (): Promise<void> => {
    for (let boot = waiting.shift(); boot !== undefined && !signal.aborted; boot = waiting.shift())
      await play(boot);
  };
  await Promise.all([worker(), worker()]);
  for (const boot of all.filter(({ cpus }) => cpus > 1)) if (!signal.aborted) await play(boot);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: "string", multiple: true }, report: { type: "string" } },
  });
  const tier = positionals[0];
  if (tier !== "gate" && tier !== "all") throw new TypeError(`tier "${tier ?? ""}" is neither gate nor all`);
  const piece = pieceOf(readCommit(repository), PIECES);
  const manifest = suites(piece);
  const ofTier = manifest.filter(({ tiers }) => tiers.includes(tier));
  const chosen = ofTier.filter(({ name }) => values.only?.includes(name) ?? true);
  const unknown = values.only?.find((name) => !ofTier.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new TypeError(`tier ${tier} has no suite "${unknown}"`);

  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  using interrupt = new Interrupt();
  const intervals = new Map<string, Interval>();
  for (const suite of chosen) {
    if (suite.place !== "here" || interrupt.signal.aborted) continue;
    intervals.set(suite.name, await playHere(suite, interrupt.signal));
  }
  const bootedAgain: string[] = [];
  await playGuests(
    boots(chosen),
    interrupt.signal,
    (list, interval) => {
      for (const { name } of list) intervals.set(name, interval);
    },
    ({ place }) => void bootedAgain.push(place),
  );

  const outcomes: Outcome[] = chosen.map((suite) => readOutcome(reports, suite));
  const inProjects = filesOfProjects(repository, manifest);
  const summary = summarize({
    tier,
    piece,
    manifest,
    outcomes,
    bootedAgain,
    notChosen: ofTier.filter((suite) => !chosen.includes(suite)).map(({ name }) => name),
    orphans: filesOnDisk(repository).filter((file) => !inProjects.has(file)),
    minutes: Object.keys(SHARES).map((part) => ({
      part,
      minutes:
        union(
          chosen.filter((suite) => suite.part === part).flatMap(({ name }) => intervals.get(name) ?? []),
        ) / MINUTE_MS,
    })),
  });
  if (values.report !== undefined && chosen.length === ofTier.length && !interrupt.signal.aborted)
    writeTierReport(values.report, repository, { tier, lines: summary.lines, manifest });
  process.stdout.write(`\n${summary.lines.join("\n")}\n`);
  return interrupt.status ?? (summary.ok ? 0 : 1);
}

/** Milliseconds in at least one of the intervals. */
function union(list: readonly Interval[]): number {
  let total = 0;
  let until = 0;
  for (const { start, end } of list.toSorted((a, b) => a.start - b.start)) {
    total += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return total;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`run.ts: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
