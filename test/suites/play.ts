/**
 * Runs suites one after the other on the kernel it is started on; called by run.ts, here and in guests.
 *
 *     node test/suites/play.ts DIRECTORY SUITES
 *
 * SUITES is a JSON list of Suite. Leaves in DIRECTORY, for each, `<name>.json` (vitest's report), `<name>.retries.json`
 * and, once it has ended, `<name>.end.json`: `{"status", "seconds"}`. Exits with 0 if each of them did.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../vm/repository.ts";
import { vitestCommand } from "../vm/vitest.ts";
import type { Suite } from "./manifest.ts";

const [directory, list] = process.argv.slice(2);
if (directory === undefined || list === undefined) throw new TypeError("usage: play.ts DIRECTORY SUITES");

function run(command: readonly string[], env: Readonly<Record<string, string>> = {}): number {
  const [file = "", ...args] = command;
  const { status, error } = spawnSync(file, args, {
    cwd: repository,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (error !== undefined) process.stdout.write(`${file}: ${error.message}\n`);
  return status ?? 1;
}

function runTests({ name, secondTry, projects, args = [], env }: Suite, into: string): number {
  const more = [
    `--reporter=${join(import.meta.dirname, "retries.ts")}`,
    ...(secondTry === true ? ["--retry=1"] : []),
    ...args,
  ];
  const command = vitestCommand(projects, join(into, `${name}.json`), more);
  return run(command, { ...env, RETRIES: join(into, `${name}.retries.json`) });
}

let failed = 0;
for (const suite of JSON.parse(list) as readonly Suite[]) {
  process.stdout.write(`\n== ${suite.name}: ${suite.why}\n`);
  const start = performance.now();
  const statuses =
    suite.commands === undefined
      ? [runTests(suite, directory)]
      : suite.commands.map((command) => run(command, suite.env));
  const status = statuses.find((each) => each !== 0) ?? 0;
  const seconds = (performance.now() - start) / 1000;
  writeFileSync(join(directory, `${suite.name}.end.json`), JSON.stringify({ status, seconds }));
  process.stdout.write(`== ${suite.name}: status ${status} after ${seconds.toFixed(0)} s\n`);
  if (status !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
