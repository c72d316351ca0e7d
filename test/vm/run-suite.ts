/**
 * Runs a suite (one of vitest's projects that need a kernel with 8021q) in a guest for each kernel:
 *
 *     node test/vm/run-suite.ts [--project kernel] [--kernel 6.1] [--kernel 6.12] [-- vitest arguments]
 *     node test/vm/run-suite.ts --native [-- vitest arguments]
 *
 * --project NAME     which one, default kernel
 * --env NAME=VALUE   for the tests; may be given again
 * --native           on this machine's own kernel instead, in private namespaces
 * --timeout SECONDS  for each guest, default 3600
 * --memory MIB       for each guest, default 4096
 * --cpus N           for each guest, default 1
 *
 * Leaves .cache/reports/<project>-<kernel>.json and .console.log. Exits with 0 only if every guest brought back
 * status 0 and a report of at least one test, all successful.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GuestError } from "./errors.ts";
import { type GuestResult, runInGuest } from "./guest.ts";
import { findKernel } from "./kernel.ts";
import { requireVlan, runNative } from "./native.ts";
import { parseAssignments, parsePositive } from "./options.ts";
import { readReport } from "./report.ts";
import { repository } from "./repository.ts";
import { Interrupt } from "./signals.ts";
import { judgeSuite, type SuiteVerdict } from "./suite.ts";
import { TemporaryDirectory } from "./temporary.ts";
import { vitestCommand } from "./vitest.ts";

/** Runs vitest somewhere, its report going to outDir/report.json. */
type Runner = (outDir: string, onLine: (line: string) => void) => Promise<GuestResult>;

const reports = join(repository, ".cache", "reports");

/** Settles what may throw. */
async function attempt<T>(action: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await action();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Keeps vitest's report with the kernel it is about; its success is then ours, so that nobody reads a better one. */
function keepReport(from: string, to: string, kernel: string, success: boolean): void {
  const report: object = JSON.parse(readFileSync(from, "utf8"));
  writeFileSync(to, JSON.stringify({ ...report, kernel, success }));
}

async function runSuite(project: string, name: string, runner: Runner): Promise<SuiteVerdict> {
  const kept = join(reports, `${project}-${name}.json`);
  const log = join(reports, `${project}-${name}.console.log`);
  // What an earlier run left must not speak for this one.
  rmSync(kept, { force: true });
  using outDir = new TemporaryDirectory("branchline-suite-");
  const fresh = join(outDir.path, "report.json");
  writeFileSync(log, "");
  const onLine = (line: string): void => {
    appendFileSync(log, `${line}\n`);
    process.stdout.write(`${name} | ${line}\n`);
  };

  const outcome = await attempt(() => runner(outDir.path, onLine));
  const report = await attempt(() => readReport(fresh));
  const verdict = judgeSuite({ name, outcome, report });
  if (!(outcome instanceof Error) && report !== undefined && !(report instanceof Error)) {
    keepReport(fresh, kept, outcome.release, verdict.ok);
  }
  if (outcome instanceof GuestError) process.stdout.write(`${name} | ${outcome.message}\n`);
  return verdict;
}

async function main(): Promise<number> {
  const { values, positionals: vitestArguments } = parseArgs({
    allowPositionals: true,
    options: {
      project: { type: "string", default: "kernel" },
      env: { type: "string", multiple: true, default: [] },
      kernel: { type: "string", multiple: true, default: ["6.1", "6.12"] },
      native: { type: "boolean", default: false },
      timeout: { type: "string", default: "3600" },
      memory: { type: "string", default: "4096" },
      cpus: { type: "string", default: "1" },
    },
  });
  const timeoutMs = parsePositive("timeout", values.timeout) * 1000;
  const memoryMiB = parsePositive("memory", values.memory);
  const cpus = parsePositive("cpus", values.cpus);
  const { project } = values;
  const env = parseAssignments(values.env);
  const commandWith = (report: string) => [
    "env",
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...vitestCommand([project], report, vitestArguments),
  ];
  using interrupt = new Interrupt();
  const { signal } = interrupt;

  const runners = new Map<string, Runner>();
  if (values.native) {
    requireVlan();
    runners.set("native", (outDir, onLine) =>
      runNative({
        command: commandWith(join(outDir, "report.json")),
        onLine,
        timeoutMs,
        signal,
      }),
    );
  } else {
    for (const kernel of values.kernel.map(findKernel)) {
      runners.set(kernel.series, (outDir, onLine) =>
        runInGuest({
          kernel,
          command: commandWith("/run/out/report.json"),
          cwd: repository,
          timeoutMs,
          memoryMiB,
          cpus,
          outDir,
          onLine,
          signal,
        }),
      );
    }
  }

  mkdirSync(reports, { recursive: true });
  const verdicts: SuiteVerdict[] = [];
  for (const [name, runner] of runners) {
    if (signal.aborted) break;
    verdicts.push(await runSuite(project, name, runner));
  }
  for (const { line } of verdicts) process.stdout.write(`${line}\n`);
  return interrupt.status ?? (verdicts.every(({ ok }) => ok) ? 0 : 1);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`run-suite.ts: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
