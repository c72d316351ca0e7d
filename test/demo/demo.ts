/**
 * The exercise of a catalogue and its database, on a cluster with real kubelets in a simulated VPC:
 *
 *     node test/demo/demo.ts [--break policy|group|agent]
 *
 * Needs root, and what `make demo` builds and installs. It is in a network and mounts of its own. What the rows of its table
 * are computed from is kept in .cache/demo. Exits 0 when everything came out as expected, 1 when something differed or failed,
 * 2 for wrong arguments.
 *
 * --plan   says what is expected, and ends
 * --break  sabotage, to see it fail
 */
import path from "node:path";
import { runApart } from "../cluster/apart.ts";
import { EXPECTATIONS } from "./expectations.ts";
import { BREAKS, parseOptions, UsageError, type Options } from "./options.ts";
import { tableOf } from "./table.ts";

async function main({ broken, plan }: Options): Promise<number> {
  if (!plan) return runApart(path.join(import.meta.dirname, "play.ts"), broken === undefined ? [] : [broken]);
  const expected = EXPECTATIONS.map(({ what, expected: outcome }) => [what, outcome]);
  process.stdout.write(`What is expected:\n\n${tableOf([["what", "expected"], ...expected]).join("\n")}\n\n`);
  if (broken !== undefined) {
    const row = EXPECTATIONS.find(({ id }) => id === BREAKS[broken].row);
    process.stdout.write(
      `BREAK=${broken}: ${BREAKS[broken].what}.\nThis has to come out wrong: ${row?.what}\n\n`,
    );
  }
  return 0;
}

try {
  process.exitCode = await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 2;
}
