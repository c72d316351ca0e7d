// What the agent takes, with 250 pods and 5,000 policies on a real API server: agent.ts DIST. Prints JSON.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KubernetesClient } from "../src/kubernetes/client.ts";
import { Cache } from "../src/kubernetes/cache.ts";
import { connectTo } from "../src/kubernetes/connect.ts";
import { loadKubeconfig } from "../src/kubernetes/kubeconfig.ts";
import { PODS as POD_RESOURCE } from "../src/kubernetes/objects.ts";
import { systemTimer } from "../src/sys/timer.ts";
import { askForBranch } from "../test/api/support/ask.ts";
import { startApiServer, type ApiServer } from "../test/ground/api-server.ts";
import { applyCrds } from "../test/ground/kubernetes/crds.ts";
import type { KubernetesObject } from "../test/ground/kubernetes/client.ts";
import { atOnce } from "./at-once.ts";
import { cpuMs, memoryMiB } from "./process.ts";
import type { AgentFigures, WithoutBranch } from "./results.ts";
import { retriesOf } from "./retries.ts";
import { figuresOf } from "./stats.ts";

const PODS = 250;
const POLICIES = 5_000;
const NAMESPACES = 50;
const WAITING = 110;
/** Pods that come while the agent runs, in each of two kinds of namespaces. */
const NEW = 50;
/** Until what a new pod causes is over. */
const SEEN_MS = 2_000;
/** Annotations come so late. */
const LATE_MS = 25_000;
const QUESTIONS = 500;
const STARTS = 10;
const IDLE_S = 60;
/** After the load, until what it left to collect is collected. */
const SETTLE_S = 30;
const NODE = "bench";
const LIMIT = "vpc.amazonaws.com/pod-eni";

const [dist = "dist"] = process.argv.slice(2);
const directory = mkdtempSync(path.join(tmpdir(), "bench-agent-"));
const at = (name: string) => path.join(directory, name);

interface Pod extends KubernetesObject {
  readonly metadata: KubernetesObject["metadata"] & { readonly uid: string };
}

interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** From the fork to readiness. */
  readonly readyMs: number;
}

async function start(kubeconfig: string): Promise<Running> {
  const begun = performance.now();
  const flags = {
    "--node-name": NODE,
    "--kubeconfig": kubeconfig,
    "--cni-bin-dir": at("bin"),
    "--cni-conf-dir": at("net.d"),
    "--state-dir": at("state"),
    "--entry": at("entry.json"),
    "--trunk-interface": "lo",
    "--health-listen": "127.0.0.1:0",
    "--metrics-listen": "127.0.0.1:0",
  };
  const child = spawn(`${dist}/branchline`, ["agent", ...Object.entries(flags).flat()], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let health = "";
  let logged = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    logged += chunk;
    health ||= /"health":"([^"]+)"/.exec(logged)?.[1] ?? "";
  });
  for (let tries = 0; tries < 6_000; tries++) {
    const isReady = health !== "" && (await fetch(`${health}/readyz`)).ok;
    if (isReady) return { child, pid: child.pid ?? 0, readyMs: performance.now() - begun };
    await sleep(5);
  }
  throw new Error(`the agent is not ready after 30 s: ${logged}`);
}

async function stop({ child }: Running): Promise<void> {
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await ended;
}

const each = <T>(count: number, one: (i: number) => Promise<T>) => atOnce(count, 8, one);

function makePod({ admin }: ApiServer, namespace: string, name: string, asks: boolean): Promise<Pod> {
  const resources = asks ? { limits: { [LIMIT]: "1" } } : {};
  return admin.create<Pod>(`/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name, labels: { app: name } },
    spec: { nodeName: NODE, containers: [{ name: "c", image: "c", resources }] },
  });
}

/** Namespaces with a hundred policies each and one without, and pods that are there before the agent. */
async function populate(server: ApiServer): Promise<void> {
  const { admin } = server;
  await applyCrds(admin);
  await admin.create("/api/v1/nodes", { metadata: { name: NODE } });
  await each(NAMESPACES, (i) => admin.create("/api/v1/namespaces", { metadata: { name: `bench-${i}` } }));
  await each(POLICIES, (i) =>
    admin.create(
      `/apis/vpcresources.k8s.aws/v1beta1/namespaces/bench-${i % NAMESPACES}/securitygrouppolicies`,
      {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name: `policy-${i}` },
        spec: {
          podSelector: { matchLabels: { app: `other-${i}` } },
          securityGroups: { groupIds: ["sg-0123456789abcdef0"] },
        },
      },
    ),
  );
  await admin.create("/api/v1/namespaces", { metadata: { name: "bench-without" } });
  // Without a controller manager a pod needs no service account.
  await each(PODS - WAITING - 2 * NEW, (i) => makePod(server, `bench-${i % NAMESPACES}`, `old-${i}`, false));
}

const ask = ({ metadata: { namespace = "", name, uid } }: Pod, timeoutMs: number) =>
  askForBranch(at("state"), { namespace, name, uid }, timeoutMs);

/** Questions for pods without a branch, one after the other. */
async function askAll(agent: Running, pods: readonly Pod[], count: number) {
  const ms: number[] = [];
  const cpu = cpuMs(agent.pid);
  for (let i = 0; i < count; i++) {
    const pod = pods[i % pods.length];
    if (pod === undefined) throw new Error("no pods");
    const begun = performance.now();
    const { answer } = await ask(pod, 5_000);
    if (answer !== "none") throw new Error(`${pod.metadata.name}: ${answer}`);
    ms.push(performance.now() - begun);
  }
  return { wallMs: figuresOf(ms), cpuMs: rounded((cpuMs(agent.pid) - cpu) / count) };
}

/** New pods: what each costs the agent before anybody asks, its first question, and questions after that. */
async function withoutBranch(
  server: ApiServer,
  agent: Running,
  namespaceOf: (i: number) => string,
): Promise<WithoutBranch> {
  const cpu = cpuMs(agent.pid);
  const pods = await each(NEW, (i) => makePod(server, namespaceOf(i), `new-${i}`, false));
  await sleep(SEEN_MS);
  const aheadCpuMs = rounded((cpuMs(agent.pid) - cpu) / NEW);
  return { aheadCpuMs, first: await askAll(agent, pods, NEW), again: await askAll(agent, pods, QUESTIONS) };
}

const rounded = (ms: number) => Math.round(ms * 1000) / 1000;

/**
 * Pods that all wait, for annotations that come within 25 s. From an annotation's write: to the answer of the agent, and to
 * the time at which kubelet would try again a pod that is refused without its annotation.
 */
async function late(server: ApiServer, agent: Running) {
  const pods = await each(WAITING, (i) => makePod(server, "bench-0", `late-${i}`, true));
  const over = new AbortController();
  const cache = new Cache({
    client: new KubernetesClient(connectTo(loadKubeconfig({ path: server.adminKubeconfig }, {}), "kubelet")),
    resource: POD_RESOURCE,
    scope: { fieldSelector: `spec.nodeName=${NODE}` },
    timer: systemTimer,
    random: Math.random,
    warn: (message) => process.stderr.write(`${message}\n`),
  });
  /** When kubelet's watch had the annotation. */
  const heard = new Map<string, number>();
  cache.listen(({ object: { metadata } }) => {
    if (metadata.annotations[LIMIT] !== undefined) heard.set(metadata.name, performance.now());
  });
  const running = cache.run(over.signal);
  await cache.whenComplete(over.signal);
  const begun = performance.now();
  const points = pods.map(async (pod, i) => {
    const { name } = pod.metadata;
    const answered = ask(pod, 60_000).then(({ answer }) => {
      if (answer !== "branch") throw new Error(`${name}: ${answer}`);
      return performance.now();
    });
    // In no order of the pods'.
    await sleep((((i * 47) % WAITING) / WAITING) * LATE_MS);
    const written = performance.now();
    await annotate(server, name, i + 1);
    const asked = (await answered) - written;
    for (let tries = 0; !heard.has(name); tries++) {
      if (tries > 1_000) throw new Error(`${name}: no watch has told of the annotation`);
      await sleep(10);
    }
    const toldAt = heard.get(name) ?? Number.NaN;
    const { failed, byTimeMs } = retriesOf(i, toldAt - begun);
    return { asked, woken: toldAt - written, byTime: byTimeMs + toldAt - written, failed };
  });
  const all = await Promise.all(points);
  over.abort(new Error("it is over"));
  await running;
  const sorted = all.map(({ asked }) => asked).toSorted((a, b) => a - b);
  const failed = all.reduce((sum, one) => sum + one.failed, 0) / WAITING;
  return {
    figures: figuresOf(sorted),
    p99: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN),
    retried: {
      wokenMs: figuresOf(all.map(({ woken }) => woken)),
      byTimeMs: figuresOf(all.map(({ byTime }) => byTime)),
      failed: Math.round(failed * 100) / 100,
    },
    peakMiB: memoryMiB(agent.pid, "VmHWM"),
  };
}

async function annotate(server: ApiServer, name: string, vlanId: number): Promise<void> {
  const hex = vlanId.toString(16).padStart(2, "0");
  const branch = {
    eniId: `eni-0b0000000000000${hex}`,
    ifAddress: `02:b1:00:00:00:${hex}`,
    privateIp: `10.0.2.${vlanId}`,
    vlanId,
    subnetCidr: "10.0.2.0/24",
  };
  await server.admin.patch(`/api/v1/namespaces/bench-0/pods/${name}`, "merge", {
    metadata: { annotations: { [LIMIT]: JSON.stringify([branch]) } },
  });
}

for (const name of ["bin", "net.d"]) mkdirSync(at(name));
writeFileSync(at("entry.json"), JSON.stringify({ serviceCIDRs: [], pluginLogFile: at("plugin.log") }));
writeFileSync(
  at("net.d/10-aws.conflist"),
  JSON.stringify({ cniVersion: "1.0.0", name: "aws-cni", plugins: [{ type: "aws-cni" }] }),
);
const clear = () => rmSync(directory, { recursive: true, force: true });
const server = await startApiServer().catch((error: unknown) => {
  clear();
  throw error;
});
const running: Running[] = [];
try {
  await populate(server);
  const readyMs: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const agent = await start(server.adminKubeconfig);
    running.push(agent);
    readyMs.push(agent.readyMs);
    if (i < STARTS - 1) await stop(agent);
  }
  const agent = running.at(-1);
  if (agent === undefined) throw new Error("no agent");
  const none = await withoutBranch(server, agent, () => "bench-without");
  const noneAmong = await withoutBranch(server, agent, (i) => `bench-${i % NAMESPACES}`);
  const waited = await late(server, agent);
  await sleep(SETTLE_S * 1000);
  const cpu = cpuMs(agent.pid);
  await sleep(IDLE_S * 1000);
  const result: AgentFigures = {
    pods: PODS,
    policies: POLICIES,
    readyMs: figuresOf(readyMs),
    none,
    noneAmong: { ...noneAmong, policies: POLICIES / NAMESPACES },
    waiting: WAITING,
    lateMs: waited.figures,
    lateP99Ms: waited.p99,
    retried: waited.retried,
    idleCpuPercent: Math.round(((cpuMs(agent.pid) - cpu) / (IDLE_S * 1000)) * 10_000) / 100,
    residentMiB: memoryMiB(agent.pid, "VmRSS"),
    peakMiB: waited.peakMiB,
  };
  process.stdout.write(JSON.stringify(result));
} finally {
  for (const { child } of running) child.kill("SIGKILL");
  await server.stop();
  clear();
}
