import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../test/ground/run.ts";
import type { RunningPart } from "../../test/api/support/running-part.ts";
import { cpuMs, memoryMiB } from "../process.ts";
import type { WarmFigures, WarmRun } from "../results.ts";
import { round } from "../stats.ts";
import { BenchCluster, metric } from "./bench-cluster.ts";

/** 38 branches: ten pods, ten that come, and ten that cool. */
const TYPE = { name: "m5.2xlarge", branches: 38 };
/** A rolling update begins so many of a hundred before it ends as many (the default of Deployments). */
const SURGE = 0.25;
const REFILL_MS = 22_000;
const WAIT_MS = 1_800_000;

interface Sizes {
  readonly nodes: number;
  readonly pods: number;
}

/** The same twice, in one cluster: pods at once, then their rolling restart; without warm branches, and with one for each. */
export async function warm(sizes: Sizes): Promise<WarmFigures> {
  const { nodes, pods } = sizes;
  await using bench = await BenchCluster.start(nodes, TYPE);
  const isCold = bench.controller(false, ["--warm-target", "0"]);
  await bench.addNodes(0, nodes);
  await bench.trunks(isCold, nodes);
  await sleep(REFILL_MS);
  const coldBurst = await measured(bench, isCold, pods, () => burst(bench, "cold", sizes));
  await sleep(REFILL_MS);
  const coldRestart = await measured(bench, isCold, pods, () => restart(bench, ["cold", "cold-next"], sizes));
  await isCold.end("SIGTERM");

  const perNode = Math.ceil(pods / nodes);
  const flags = ["--warm-target", String(perNode), "--warm-share", "40"];
  await bench.hurry();
  const hurried = bench.controller(true, flags);
  await warmed(hurried, pods);
  await hurried.end("SIGTERM");
  await bench.asEc2();
  const begun = Date.now();
  const isWarm = bench.controller(false, flags);
  await warmed(isWarm, pods);
  const foundS = round((Date.now() - begun) / 1000);
  const warmBurst = await measured(bench, isWarm, pods, () => burst(bench, "warm", sizes));
  await bench.deletePods(names("cold-next", pods));
  await warmed(isWarm, pods);
  const warmRestart = await measured(bench, isWarm, pods, () => restart(bench, ["warm", "warm-next"], sizes));
  return {
    nodes,
    pods,
    foundS,
    burst: { cold: coldBurst, warm: warmBurst },
    restart: { cold: coldRestart, warm: warmRestart },
  };
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

async function burst(bench: BenchCluster, prefix: string, { pods, nodes }: Sizes): Promise<void> {
  await bench.annotated(await bench.addPods(prefix, pods, { nodes }));
}

/** In steps, as a Deployment's rolling update: the next ones, and when they have their branches, as many of the old ones go. */
async function restart(
  bench: BenchCluster,
  [before, after]: readonly [string, string],
  { pods, nodes }: Sizes,
): Promise<void> {
  const step = Math.ceil(pods * SURGE);
  for (let from = 0; from < pods; from += step) {
    const count = Math.min(step, pods - from);
    await bench.annotated(await bench.addPods(after, count, { nodes, first: from, from }));
    await bench.deletePods(names(before, pods).slice(from, from + count));
  }
}

async function measured(
  bench: BenchCluster,
  controller: RunningPart,
  pods: number,
  run: () => Promise<void>,
): Promise<WarmRun> {
  bench.countAnew();
  const [cpu, begun] = [cpuMs(controller.pid), Date.now()];
  await run();
  const seconds = (Date.now() - begun) / 1000;
  // Read at once: what is released or made ahead afterwards is not the pods'.
  const calls = Object.fromEntries(bench.calls);
  const changing = Object.entries(calls).filter(([action]) => !action.startsWith("Describe"));
  const figures = {
    seconds: round(seconds),
    calls,
    callsAPod: round(changing.reduce((sum, [, count]) => sum + count, 0) / pods),
    cpuS: round((cpuMs(controller.pid) - cpu) / 1000),
    peakMiB: memoryMiB(controller.pid, "VmHWM"),
  };
  process.stderr.write(`  ${JSON.stringify(figures)}\n`);
  return figures;
}

async function warmed(controller: RunningPart, count: number): Promise<void> {
  await eventually(
    `${count} warm branches`,
    async () => ((await metric(controller, 'branches{state="warm"}')) >= count ? true : undefined),
    WAIT_MS,
  );
}
