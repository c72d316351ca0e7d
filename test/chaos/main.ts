/**
 * Chaos: a seeded random sequence of calls, kills and accidents on one node, with the kernel held against a model after
 * each. Runs in a guest, or wherever VLAN devices can be made:
 *
 *     node test/chaos/main.ts --seed 7 --rounds 500
 *     node test/chaos/main.ts --replay .cache/chaos/7.json
 *
 * --seed N            which sequence; one at random unless told
 * --rounds N          how long, default 500
 * --out DIR           where the sequence goes when it fails
 * --replay FILE       a sequence as it was written there, in place of a generated one
 * --no-executable     only in process: no real kills, no calls at the same time
 * --reduce SECONDS    how long a sequence that fails is made shorter, default 600
 * --plant NAME        a plugin with a defect, to see it found
 */
import { inspect } from "node:util";
import { installGates } from "./kernel/hooks.ts";
import { readOptions } from "./options.ts";

try {
  const options = readOptions(process.argv.slice(2));
  // Before anything of the plugin is loaded.
  installGates();
  const { chaos } = await import("./chaos.ts");
  process.exitCode = await chaos(options, (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`chaos: ${inspect(error)}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 3;
}
