// One call of the plugin with anything in its environment and on stdin, on a node of two namespaces, where things go wrong.
//
// Whatever comes in, the answer is one that the specification knows, and after an error all is as before: no record, no
// lock, no change to the kernel, unless it refused to take one back, and then the record is there for DEL, which
// succeeds once the kernel does.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, expect, it, vi } from "vitest";
import type { LogFiles } from "../fuzz/configurations.ts";
import { Stage } from "../fuzz/play.ts";
import { Tally, patience, runs } from "../fuzz/runs.ts";
import { scenes } from "../fuzz/scenes.ts";

vi.mock("../../src/netns/namespace.ts", async (original) => {
  const { mockNamespaces } = await import("../fuzz/world.ts");
  return mockNamespaces(await original());
});
vi.mock("../../src/netns/find.ts", async () => (await import("../fuzz/world.ts")).mockFind());
vi.mock("../../src/sys/sysctl.ts", async (original) => {
  const { mockSysctl } = await import("../fuzz/world.ts");
  return mockSysctl(await original());
});
// This process may write anywhere: only to these files may a configuration make it log.
vi.mock("../../src/cni/log.ts", async (original) => {
  const real = await original<typeof import("../../src/cni/log.ts")>();
  const openLog: typeof real.openLog = (file, ...rest) =>
    real.openLog(logs.odd.includes(file) ? file : logs.usual, ...rest);
  return { ...real, openLog };
});

const scratch = mkdtempSync(join(tmpdir(), "fuzz-"));
afterAll(() => rmSync(scratch, { recursive: true }));
// Where a log cannot be written it goes to stderr, which would be that of this run; src/cni/log.test.ts tries that.
const logs: LogFiles = { usual: join(scratch, "plugin.log"), odd: [join(scratch, "another.log")] };

const { timeout } = patience;

// Namespaces cost more than a model of them, above all while the machine is busy.
it(
  "a call is answered by the rules whatever comes in, and an error leaves nothing",
  { timeout: 4 * timeout },
  async () => {
    const stage = new Stage(join(scratch, "state"), logs.usual);
    const tally = new Tally();
    const property = fc.asyncProperty(scenes(logs), async (scene) => {
      const { defects, said } = await stage.play(scene);
      said.forEach((what) => tally.count(what));
      expect(defects).toEqual([]);
    });
    await fc.assert(property, runs(200, 0.05));
    // Deep enough: attached, refused in the middle, taken back, read back, and refused at each step before.
    expect(
      tally.rare({
        "ADD: attached": 0.02,
        "ADD: attached, after an ADD": 0.01,
        "ADD: code 103": 0.02,
        "ADD: code 103, after an ADD": 0.005,
        "ADD: code 101": 0.005,
        "ADD: code 105": 0.002,
        "ADD: code 7": 0.02,
        "ADD: code 6": 0.02,
        "ADD: passed": 0.01,
        "DEL: changed something, after an ADD": 0.005,
        "CHECK: code 103, after an ADD": 0.002,
        "STATUS: nothing to do": 0.002,
        "GC: nothing to do": 0.002,
      }),
    ).toEqual([]);
  },
);
