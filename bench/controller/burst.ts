import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs, memoryMiB } from "../process.ts";
import type { BurstFigures, ReactionFigures } from "../results.ts";
import { round, shareOf } from "../stats.ts";
import { BenchCluster, metric } from "./bench-cluster.ts";
import type { RunningPart } from "../../test/api/support/running-part.ts";

/** EC2's bucket of AssociateTrunkInterface: 50 at once, then 5 a second. */
const [AT_ONCE, A_SECOND] = [50, 5];
/** Until CreateNetworkInterface's bucket is full again: 100 tokens, 5 a second. */
const REFILL_MS = 22_000;
/** Slower than the buckets refill, so no call waits for a token. */
const APART_MS = 250;

export interface BurstSizes {
  readonly nodes: number;
  readonly pods: number;
  /** For the reaction, one after the other. */
  readonly single: number;
}

/** Nodes with trunks and no branch yet; then single pods; then all at once. */
export async function burst({ nodes, pods, single }: BurstSizes) {
  await using bench = await BenchCluster.start(nodes);
  const controller = bench.controller(false);
  await bench.addNodes(0, nodes);
  await bench.trunks(controller, nodes);
  await sleep(REFILL_MS);
  const reaction = await react(bench, controller, { single, nodes });
  await sleep(REFILL_MS);
  bench.countAnew();
  const [cpu, begun] = [cpuMs(controller.pid), Date.now()];
  const names = await bench.addPods("burst", pods, { nodes });
  const createdS = (Date.now() - begun) / 1000;
  await bench.annotated(names);
  const ends = names.map((name) => bench.pods.get(name)?.annotated ?? Number.NaN);
  const seconds = (Math.max(...ends) - begun) / 1000;
  const allowedS = Math.max(0, pods - AT_ONCE) / A_SECOND;
  const result: BurstFigures = {
    nodes,
    pods,
    createdS: round(createdS),
    seconds: round(seconds),
    allowedS,
    ratio: round(seconds / allowedS),
    cpuS: round((cpuMs(controller.pid) - cpu) / 1000),
    peakMiB: memoryMiB(controller.pid, "VmHWM"),
    callsAPod: round(bench.callCount / pods),
    throttled:
      (await metric(controller, 'ec2_throttled_total{action="AssociateTrunkInterface"}')) +
      (await metric(controller, 'ec2_throttled_total{action="CreateNetworkInterface"}')),
  };
  return { reaction, burst: result };
}

/** From the pod's appearance in a watch to CreateNetworkInterface in EC2. */
async function react(
  bench: BenchCluster,
  controller: RunningPart,
  { single, nodes }: { readonly single: number; readonly nodes: number },
): Promise<ReactionFigures> {
  const names: string[] = [];
  const before = await proofs(controller);
  for (let i = 0; i < single; i += 1) {
    names.push(...(await bench.addPods(`single-${i}`, 1, { nodes, first: i })));
    await sleep(APART_MS);
  }
  await bench.annotated(names);
  const ms = names.map((name) => {
    const { seen = Number.NaN, eni = "" } = bench.pods.get(name) ?? {};
    return (bench.madeAt.get(eni) ?? Number.NaN) - seen;
  });
  const after = await proofs(controller);
  return {
    pods: single,
    medianMs: shareOf(ms, 0.5),
    p99Ms: shareOf(ms, 0.99),
    proofMs: round(((after.seconds - before.seconds) / (after.count - before.count)) * 1000),
  };
}

/** The question to the API server that precedes the call to EC2. */
async function proofs(controller: RunningPart) {
  const label = '{action="ProveAnnotation ok"}';
  return {
    seconds: await metric(controller, `action_seconds_sum${label}`),
    count: await metric(controller, `action_seconds_count${label}`),
  };
}
