import { afterAll, beforeAll, expect, test } from "vitest";
import { judge } from "../../src/verdict/verdict.ts";
import { apply } from "./apply.ts";
import { Cluster } from "./cluster.ts";
import { pathOf, readFacts } from "./facts.ts";
import { worldOf } from "./generate.ts";
import { Player } from "./player.ts";

let cluster: Cluster;
let player: Player;
beforeAll(async () => {
  cluster = await Cluster.open();
  player = new Player(cluster);
}, 300_000);
afterAll(async () => {
  player.close();
  await cluster.close();
});
test("x", async () => {
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= Number(process.env["WORLDS"] ?? "10"); seed += 1) {
    const t0 = performance.now();
    const w0 = worldOf(seed);
    const world = { ...w0, rules: w0.rules.filter(({ peer }) => !("list" in peer)), acls: {} };
    await apply(cluster, world);
    const t1 = performance.now();
    const facts = await readFacts(cluster, world);
    const t2 = performance.now();
    const verdicts = world.calls.map((call) => judge(facts.filters, pathOf(cluster, facts, world, call)));
    const attempts = world.calls.map((call) => ({ call, sourcePort: undefined }));
    const t3 = performance.now();
    const reached = player.play(attempts, { milliseconds: 300 });
    const t4 = performance.now();
    for (const [i, { answer, line, way }] of verdicts.entries()) {
      const key = `${answer} / ${reached[i]}`;
      counts[key] = (counts[key] ?? 0) + 1;
      if ((answer === "reaches") !== reached[i])
        console.log(
          seed,
          JSON.stringify(world.calls[i]),
          line,
          JSON.stringify(way.kind === "vpc" ? [way.from.address, way.to.address] : way),
          reached[i],
        );
    }
    console.log(
      seed,
      [t1 - t0, t2 - t1, t3 - t2, t4 - t3].map((t) => Math.round(t)),
    );
  }
  console.log(counts);
  expect(counts).toBeDefined();
}, 600_000);
