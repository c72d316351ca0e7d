// The demo as people run it: its table is as expected, and each break turns the row red that it is about.
import path from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { run } from "../../ground/run.ts";
import { EXPECTATIONS } from "../expectations.ts";
import { BREAKS, type BreakName } from "../options.ts";

const DEMO = path.resolve(import.meta.dirname, "../demo.ts");
/** The demo's own limit, and the time that it takes to clean up. */
const MINUTES = 17;

async function play(...args: readonly string[]) {
  const { status, stdout } = await run([process.execPath, DEMO, ...args], { timeout: MINUTES * 60_000 });
  onTestFailed(() => {
    process.stderr.write(stdout);
  });
  const table = stdout.slice(stdout.indexOf("-- Expectations and outcomes")).split("\n");
  // In their order, since two have the same words.
  const rows = table.filter((line) => EXPECTATIONS.some(({ what }) => line.startsWith(`   ${what}  `)));
  expect(rows).toHaveLength(EXPECTATIONS.length);
  const differing = EXPECTATIONS.filter((_, index) => rows[index]?.endsWith("DIFFERS")).map(({ id }) => id);
  return { status, last: stdout.trimEnd().split("\n").at(-1), differing };
}

it("everything comes out as expected", async () => {
  expect(await play()).toEqual({
    status: 0,
    differing: [],
    last: expect.stringMatching(`^All ${EXPECTATIONS.length} as expected`),
  });
});

it.each(Object.keys(BREAKS) as BreakName[])(
  "BREAK=%s ends with its row red, and none before it",
  async (name) => {
    const { status, differing } = await play("--break", name);
    expect([status, differing[0]]).toEqual([1, BREAKS[name].row]);
  },
);
