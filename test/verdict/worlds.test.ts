// Random worlds, in which each verdict is held against real packets: pods of both datapaths and all modes by the real plugin,
// machines, Services, probes and agents in the simulated VPC. What the VPC does is decided by nftables there, and by
// src/verdict here; they share no evaluator of rules.
//
//     WORLDS=200 FIRST=1 npx vitest run --project worlds
import { afterAll, beforeAll, expect, test } from "vitest";
import { isEnd } from "../../src/verdict/hops.ts";
import { isMacvlan } from "../ground/macvlan/iproute.ts";
import { Ground, type Disagreement, type Judged } from "./compare.ts";
import { worldOf } from "./generate.ts";
import { reportOf } from "./report.ts";
import { shrunk } from "./shrink.ts";

const WORLDS = Number(process.env["WORLDS"] ?? "10");
const FIRST = Number(process.env["FIRST"] ?? "1");
/** In every so many worlds the rules that verdicts name are added, and tried. */
const MENDED = 5;
const SHRINKING_MS = 120_000;
/** So many worlds have something of everything. */
const ENOUGH = 40;
/** Disagreements that are shown: more of them mostly have the same reason. */
const SHOWN = 3;

let ground: Ground;

beforeAll(async () => {
  // An emulated machine is a hundred times slower.
  const milliseconds = isMacvlan ? 150 : 1500;
  ground = await Ground.open({ milliseconds, secondMs: milliseconds + 5000 });
}, 600_000);

afterAll(async () => {
  await ground.close();
}, 120_000);

/** The smallest world that has the disagreement, in words. */
async function explained(seed: number, found: Disagreement): Promise<string> {
  const end = performance.now() + SHRINKING_MS;
  let last = found;
  const world = await shrunk(
    worldOf(seed),
    found.call,
    async (smaller) => {
      const [still] = (await ground.play(smaller)).disagreements;
      if (still?.verdict.answer !== found.verdict.answer) return false;
      last = still;
      return true;
    },
    () => performance.now() > end,
  );
  return reportOf(seed, last, world);
}

test(`in ${WORLDS} worlds each verdict is what packets do`, async () => {
  const reports: string[] = [];
  const all: Judged[] = [];
  let count = 0;
  const since = performance.now();
  for (let seed = FIRST; seed < FIRST + WORLDS && reports.length < SHOWN; seed += 1) {
    const world = worldOf(seed);
    const { judged, disagreements } = await ground.play(world);
    all.push(...judged);
    count += 1;
    for (const found of disagreements.slice(0, SHOWN - reports.length))
      reports.push(await explained(seed, found));
    if (seed % MENDED !== 0 || disagreements.length > 0) continue;
    const mended = await ground.playMended(world, judged);
    all.push(...mended.judged);
    reports.push(
      ...mended.disagreements.map((found) => `mended by its remedies, ${reportOf(seed, found, world)}`),
    );
  }
  const answered = (answer: string) => all.filter(({ verdict }) => verdict.answer === answer).length;
  console.info(
    `${count} worlds, ${all.length} calls in ${Math.round((performance.now() - since) / 1000)} s: ${answered("reaches")} reach, ${answered("does not reach")} do not, of ${answered("cannot say")} the verdict cannot say; ${reports.length} disagreements`,
  );
  expect(reports.join("\n\n")).toBe("");
  // They would agree in worlds where nothing happens as well. A few that are played again need not have everything.
  if (count < ENOUGH) return;
  expect(answered("reaches") / all.length).toBeGreaterThan(0.25);
  expect(answered("does not reach") / all.length).toBeGreaterThan(0.25);
  expect(answered("cannot say") / all.length).toBeLessThan(0.05);
  const ends = new Set(all.map(({ verdict: { hops, way } }) => hops.find(isEnd)?.kind ?? way.kind));
  expect([...ends].sort()).toEqual(
    expect.arrayContaining([
      "early-demux",
      "no-rule",
      "node",
      "none",
      "refused-by-acl",
      "refused-by-policy",
      "vpc",
    ]),
  );
});
