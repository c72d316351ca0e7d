// One call of the plugin with anything in its environment and on stdin, on a model of a node where things go wrong.
//
// Whatever comes in, the answer is one that the specification knows, and after an error all is as before: no record, no
// lock, no change to the kernel, unless it refused to take one back, and then the record is there for DEL, which
// succeeds once the kernel does.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, expect, it, vi } from "vitest";
import type { LogFiles } from "./configurations.ts";
import { Stage } from "./play.ts";
import { Tally, patience, runs } from "./runs.ts";
import { scenes } from "./scenes.ts";

vi.mock("../../src/netns/namespace.ts", async (original) => {
  const { namespaces } = await import("./model/mocks.ts");
  return namespaces(await original());
});
vi.mock("../../src/netns/find.ts", async () => (await import("./model/mocks.ts")).findings());
vi.mock("../../src/sys/sysctl.ts", async () => (await import("./model/mocks.ts")).sysctls());
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

it("a call is answered by the rules whatever comes in, and an error leaves nothing", patience, async () => {
  const stage = new Stage(join(scratch, "state"), logs.usual);
  const tally = new Tally();
  const property = fc.asyncProperty(scenes(logs), async (scene) => {
    const { defects, said } = await stage.play(scene);
    said.forEach((what) => tally.count(what));
    expect(defects).toEqual([]);
  });
  await fc.assert(property, runs(200));
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
});
