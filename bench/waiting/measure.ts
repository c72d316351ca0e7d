// Started by run.ts in namespaces of its own, with CONTAINERD for the release: measure.ts FILE SECONDS. Looks at each case
// for so long, and writes what it found to the file as JSON.
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { eventually } from "../../test/ground/index.ts";
import type { Pod, Sandbox } from "../../test/runtime/containerd/pods.ts";
import { CASES, type Case, type Spread, type Waited } from "./cases.ts";
import { Scene } from "./scene.ts";

const [file = "", seconds = ""] = process.argv.slice(2);
const WINDOW_MS = Number(seconds) * 1_000;
const REWRITE_MS = 1_000;
const ORDINARY_MS = 1_500;
const STATUS_MS = 1_000;
/** kubelet's own deadline for RunPodSandbox, and how long it leaves a pod alone after a failure. */
const DEADLINE_MS = 240_000;
const AGAIN_MS = 12_000;

async function measure(the: Case): Promise<Waited> {
  await using scene = await Scene.open({ open: the.open });
  const { cri } = scene.node.containerd;
  const branches = await scene.node.branches(...Array.from({ length: the.waiting }, (_, i) => 20 + i));
  const annotated = new AbortController();
  let gaveUp = 0;

  /** As kubelet: until it runs. */
  const runAtLast = async (pod: Pod): Promise<Sandbox> => {
    for (;;) {
      try {
        return await pod.run({ deadline: DEADLINE_MS });
      } catch (error) {
        if (annotated.signal.aborted) throw error;
        gaveUp += 1;
        await sleep(AGAIN_MS);
      }
    }
  };
  const waiting = await Promise.all(branches.map((_, i) => scene.createPod(`waiting-${i}`, true)));
  const atLast = waiting.map(runAtLast);
  for (const one of atLast) one.catch(() => undefined);
  for (const pod of waiting)
    await eventually(`ADD of ${pod.name}`, () => pod.calls.includes("ADD primary-aws") || undefined, 60_000);

  const end = performance.now() + WINDOW_MS;
  const every = async (milliseconds: number, action: (i: number) => void | Promise<void>): Promise<void> => {
    for (let i = 0; performance.now() < end; i += 1) {
      await action(i);
      await sleep(milliseconds);
    }
  };
  const ordinary: Promise<readonly [Sandbox, number]>[] = [];
  const statuses: number[] = [];
  await Promise.all([
    the.rewritten ? every(REWRITE_MS, () => scene.rewriteList()) : undefined,
    every(ORDINARY_MS, async (i) => {
      const pod = await scene.createPod(`ordinary-${i}`, false);
      const ran = timed(() => pod.run({ deadline: DEADLINE_MS }));
      ran.catch(() => undefined);
      ordinary.push(ran);
    }),
    every(STATUS_MS, async () => void statuses.push((await timed(() => cri.notReady()))[1])),
  ]);
  const ran = await Promise.all(ordinary);
  // Those that waited were really waiting for this.
  annotated.abort();
  await Promise.all(branches.map((branch, i) => scene.annotate(`waiting-${i}`, branch)));
  const attached = await Promise.all(atLast);
  await Promise.all(
    attached.map(async (sandbox, i) => {
      const branch = branches[i];
      if (branch !== undefined) await scene.node.expectWorks(sandbox, branch);
    }),
  );
  await Promise.all([...attached, ...ran.map(([sandbox]) => sandbox)].map((sandbox) => sandbox.end()));
  return {
    case: the.name,
    containerd: await scene.version(),
    ordinary: spreadOf(ran.map(([, milliseconds]) => milliseconds)),
    status: spreadOf(statuses),
    gaveUp,
  };
}

async function timed<T>(action: () => Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now();
  const result = await action();
  return [result, performance.now() - start];
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN);
  return { count: sorted.length, median: at(0.5), p90: at(0.9), max: at(1) };
}

const found: Waited[] = [];
try {
  for (const each of CASES) {
    found.push(await measure(each));
    process.stderr.write(`${JSON.stringify(found.at(-1))}\n`);
  }
  writeFileSync(file, JSON.stringify(found));
} catch (error) {
  // Of an error while another one is on its way, Node itself says only that.
  process.stderr.write(`${inspect(error, { depth: 5 })}\n`);
  process.exitCode = 1;
}
