import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../test/ground/run.ts";
import type { RunningPart } from "../../test/api/support/running-part.ts";
import { cpuMs, memoryMiB } from "../process.ts";
import type { LargeFigures, RestartFigures } from "../results.ts";
import { round } from "../stats.ts";
import { BenchCluster } from "./bench-cluster.ts";

/**
 * After the start, until nothing of it is under way any more and what it left is collected: a new process looks at branches
 * and their groups a second time, up to a minute after the first.
 */
const SETTLE_MS = 120_000;
const IDLE_MS = 60_000;
const START_MS = 600_000;

export interface LargeSizes {
  /** At the restart, each with a trunk and one branch. */
  readonly restartNodes: number;
  /** At the end. */
  readonly nodes: number;
  readonly pods: number;
  readonly branches: number;
}

/** A restart with many nodes; then, with many more, what a controller takes that has nothing to do. */
export async function large({ restartNodes, nodes, pods, branches }: LargeSizes) {
  await using bench = await BenchCluster.start(nodes);
  await bench.hurry();
  let controller = bench.controller(true);
  await bench.addNodes(0, restartNodes);
  await bench.trunks(controller, restartNodes);
  say(`${restartNodes} trunks`);
  await bench.annotated(await bench.addPods("first", restartNodes, { nodes: restartNodes }));
  say(`${restartNodes} branches`);
  await bench.asEc2();
  await controller.end("SIGKILL");
  const [restarted, restart] = await start(bench, restartNodes);
  await restarted.end("SIGKILL");

  await bench.hurry();
  controller = bench.controller(true);
  await bench.addNodes(restartNodes, nodes);
  await bench.trunks(controller, nodes);
  say(`${nodes} trunks`);
  await bench.annotated(await bench.addPods("more", branches - restartNodes - 1, { nodes }));
  await bench.addPods("other", pods - branches, { nodes, wantsBranch: false });
  say(`${pods} pods`);
  await bench.asEc2();
  await controller.end("SIGKILL");
  const [last, { seconds, calls }] = await start(bench, nodes);
  const startCpuS = round(cpuMs(last.pid) / 1000);
  await sleep(SETTLE_MS);
  const cpu = cpuMs(last.pid);
  await sleep(IDLE_MS);
  const result: LargeFigures = {
    nodes,
    pods,
    branches,
    workingS: seconds,
    calls,
    startCpuS,
    idleCpuPercent: round(((cpuMs(last.pid) - cpu) / IDLE_MS) * 100),
    residentMiB: memoryMiB(last.pid, "VmRSS"),
    peakMiB: memoryMiB(last.pid, "VmHWM"),
  };
  return { restart, large: result };
}

/** From the new process to a fresh pod's annotation. The Lease of the one before has to run out first. */
async function start(bench: BenchCluster, nodes: number): Promise<[RunningPart, RestartFigures]> {
  bench.countAnew();
  const begun = Date.now();
  const controller = bench.controller(false);
  const [name = ""] = await bench.addPods(`fresh-${nodes}`, 1, { nodes: 1 });
  const since = () => round((Date.now() - begun) / 1000);
  const leadingS = eventually("it leads", () => at(controller, "Leading", since), START_MS);
  const describedS = eventually("it has described", () => at(controller, "Described", since), START_MS);
  await bench.annotated([name]);
  const seconds = since();
  const result = {
    nodes,
    leadingS: await leadingS,
    describedS: await describedS,
    seconds,
    calls: bench.callCount,
  };
  say(JSON.stringify(result));
  return [controller, result];
}

function at({ lines }: RunningPart, condition: string, since: () => number): number | undefined {
  const isTrue = lines.some((line) => line["condition"] === condition && line["status"] === true);
  return isTrue ? since() : undefined;
}

function say(words: string): void {
  process.stderr.write(`  ${words}\n`);
}
