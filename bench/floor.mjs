// `make bench-floor`: what could lower the floor, the start of the runtime itself. Each idea is an executable of its own
// that does nothing; all are run in turn, and compared with the one that has Node's defaults. docs/notes/start-up.md says
// what came of it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { NODE_OPTIONS, makeExecutable } from "../build/executable.mjs";
import { measure } from "./measure.ts";

const LEAVE = "process.reallyExit(0);\n";
const SNAPSHOT = `require("node:v8").startupSnapshot.setDeserializeMainFunction(() => process.reallyExit(0));\n`;

/** A startup snapshot that holds the script, made under the flags that it is read under. */
const snapshot = (flags) => ({
  main: SNAPSHOT,
  flags,
  nodeOptions: flags,
  config: { useSnapshot: true, useCodeCache: false },
});

const IDEAS = {
  "Node's defaults": { nodeOptions: [] },
  "not stripped": { nodeOptions: [], strip: false },
  "process.exit() in place of reallyExit": { nodeOptions: [], main: "process.exit(0);\n" },
  "ended by a signal: no teardown at all": {
    nodeOptions: [],
    main: 'process.kill(process.pid, "SIGKILL");\n',
  },
  "--v8-pool-size=1": { nodeOptions: ["--v8-pool-size=1"] },
  "--disable-sigusr1": { nodeOptions: ["--disable-sigusr1"] },
  "--openssl-config=/dev/null": { nodeOptions: ["--openssl-config=/dev/null"] },
  "all three (as built)": { nodeOptions: NODE_OPTIONS },
  "--use-largepages=on": { nodeOptions: ["--use-largepages=on"] },
  "--no-opt --no-sparkplug --no-maglev": { nodeOptions: ["--no-opt", "--no-sparkplug", "--no-maglev"] },
  "--max-lazy": { nodeOptions: ["--max-lazy"] },
  "--jitless": { nodeOptions: ["--jitless"] },
  "--single-threaded": { nodeOptions: ["--single-threaded"] },
  "--no-rehash-snapshot": { nodeOptions: ["--no-rehash-snapshot"] },
  "startup snapshot": snapshot([]),
  "startup snapshot, --no-rehash-snapshot": snapshot(["--no-rehash-snapshot"]),
  "startup snapshot, --single-threaded": snapshot(["--single-threaded"]),
};

const rounds = Number(process.argv[2] ?? 40);
const directory = mkdtempSync(`${tmpdir()}/branchline-floor-`);
try {
  const points = Object.entries(IDEAS).map(([name, idea], i) => {
    makeExecutable(`floor-${i}`, { main: LEAVE, ...idea, scratch: directory, directory });
    return { name, command: () => ({ argv: [`${directory}/floor-${i}`], endsBySignal: true }) };
  });
  process.stdout.write("| | CPU ms: median | min | wall ms: median | min | CPU: × the first | ms more |\n");
  process.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n");
  for (const { name, cpuMs, wallMs, compared } of measure(points, rounds, 3)) {
    const row = [name, cpuMs.median, cpuMs.min, wallMs.median, wallMs.min, compared.cpuRatio, compared.cpuMs];
    process.stdout.write(`| ${row.join(" | ")} |\n`);
  }
} finally {
  rmSync(directory, { recursive: true });
}
