/**
 * Sums up vitest's JSON reports below .cache/reports:
 *
 *     node test/summary.ts unit binary harness kernel-6.1 kernel-6.12
 *
 * One line for each report named, or for each one there when none is named; then, alone on the last line,
 * "N passed, N failed". A report that is missing, cannot be read, holds no test or is no success counts as a
 * failure even if no test failed in it, and makes the exit status 1.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { readReport } from "./vm/report.ts";
import { repository } from "./vm/repository.ts";
import { summarize } from "./vm/summarize.ts";

const directory = join(repository, ".cache", "reports");

function present(): string[] {
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory).filter((name) => name.endsWith(".json"));
  return files.map((name) => basename(name, ".json")).sort();
}

function read(name: string): ReturnType<typeof readReport> | Error {
  try {
    return readReport(join(directory, `${name}.json`));
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const named = process.argv.slice(2);
const names = named.length > 0 ? named : present();
const { lines, ok } = summarize(names.map((name) => ({ name, report: read(name) })));
process.stdout.write(lines.map((line) => `${line}\n`).join(""));
process.exitCode = ok ? 0 : 1;
