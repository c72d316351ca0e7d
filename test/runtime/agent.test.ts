// The agent in the chart's own container, by containerd: what it collects, and that it leaves living pods alone whatever is
// taken from it.
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { AttachmentStore, STATE_DIRECTORY } from "../../src/state/store.ts";
import { systemClock } from "../../src/sys/clock.ts";
import { eventually, must, type Branch } from "../ground/index.ts";
import { PlayedApi } from "../ground/kubernetes/played-api.ts";
import {
  AgentContainer,
  NODE,
  agentPodOf,
  layOutAgent,
  type AgentPod,
} from "./containerd/agent-container.ts";
import { ended } from "./containerd/halt.ts";
import { listOf, type Kind } from "./containerd/lists.ts";
import { KubeNode } from "./containerd/node.ts";
import type { Sandbox } from "./containerd/pods.ts";

let node: KubeNode;
let api: PlayedApi;
let branches: readonly Branch[];
let agent: { readonly pod: AgentPod; readonly entry: string };

beforeAll(async () => {
  api = await PlayedApi.open();
  agent = await agentPodOf({ trunk: { interface: "eth1" }, cni: { primaryType: "primary-aws" } });
  node = await KubeNode.open();
  await layOutAgent(node);
  branches = await node.branches(11, 12, 13, 14);
  // In aws-cni's strict mode of the node, with what that takes for kubelet's probes.
  await node.replaceDefaultList(listOf(node.scratch, "strict", { branchline: { manageEarlyDemux: true } }));
  new AttachmentStore(STATE_DIRECTORY, systemClock).prepare();
  await node.remember();
});

afterEach(async () => {
  await node.tidy();
  for (const { metadata } of api.all("pods")) api.remove("pods", metadata.namespace ?? "", metadata.name);
});

afterAll(async () => {
  await node.close();
  await api[Symbol.asyncDispose]();
});

/** Starts an agent that knows of no pods until the API server is released, so that all pods are younger than it. */
function start(pod: AgentPod): Promise<AgentContainer> {
  api.hold();
  const at = (name: string) => path.join(node.scratch, "agent", name);
  const paths = {
    "/opt/cni/bin": at("bin"),
    "/etc/cni/net.d": at("net.d"),
    "/var/log/branchline": at("log"),
  };
  return AgentContainer.start(node, { ...agent, pod, api, paths });
}

/** "" is strict as well, and switches tcp_early_demux off for its pods. */
type Handler = Kind | "";

async function run(name: string, handler: Handler, index: number): Promise<Sandbox> {
  const branch = branches[index];
  if (branch === undefined) throw new Error(`no branch ${index}`);
  return node.pod({ name, handler, branch }).run();
}

/** One that the API server knows. */
async function runLiving(name: string, handler: Handler, index: number): Promise<Sandbox> {
  const sandbox = await run(name, handler, index);
  const { namespace, uid } = sandbox.config.metadata;
  api.put("pods", {
    metadata: { namespace, name, uid },
    spec: { nodeName: NODE },
    status: { phase: "Running" },
  });
  return sandbox;
}

/** Its process has ended, and its namespace is still where containerd has mounted it. */
async function runWithoutProcess(name: string, handler: Handler, index: number): Promise<Sandbox> {
  const sandbox = await run(name, handler, index);
  const { pid } = await sandbox.status();
  process.kill(pid, "SIGKILL");
  await ended(pid);
  return sandbox;
}

/** It has gone without a DEL. */
async function runDead(name: string, handler: Handler, index: number): Promise<Sandbox> {
  const sandbox = await run(name, handler, index);
  const { pid, netns } = await sandbox.status();
  process.kill(pid, "SIGKILL");
  await ended(pid);
  await must(["umount", "--lazy", netns]);
  rmSync(netns);
  return sandbox;
}

const earlyDemux = () => readFileSync("/proc/sys/net/ipv4/tcp_early_demux", "utf8").trim();

test("detaches what dead pods left, the last strict pod's changes to the node too, and nothing of others", async () => {
  const whole = await start(agent.pod);
  const before = earlyDemux();
  const living = await runLiving("living", "direct", 0);
  await runWithoutProcess("mounted", "direct", 1);
  await runDead("dead-direct", "direct", 2);
  await runDead("dead-strict", "", 3);
  expect(node.recordedVlans()).toEqual([11, 12, 13, 14]);
  expect(earlyDemux()).toBe("0");
  api.release();
  expect(await whole.condition("NamespacesVisible")).toBe("+");
  await collected(whole, 2);
  expect(node.recordedVlans()).toEqual([11, 12]);
  expect({ before, after: earlyDemux() }).toEqual({ before: "1", after: "1" });
  await node.expectWorks(living, branches[0] as Branch);
  await node.tidy();
  await node.expectNothingLeft();
});

async function collected(of: AgentContainer, count: number): Promise<void> {
  await eventually(
    `${count} are collected`,
    async () => {
      const found = await of.figure("branchline_agent_collected_total");
      return found === count ? true : undefined;
    },
    60_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}; its log:\n${await of.log()}`);
  });
}

/** The chart's pod with one thing taken away, and what the agent then says of its sight. */
const TAKEN: readonly (readonly [what: string, take: (pod: AgentPod) => AgentPod, says: RegExp])[] = [
  [
    "hostPID",
    (pod) => ({ ...pod, hostPID: false }),
    /^the agent is not in the node's own pid namespace: it needs hostPID; nothing is collected$/,
  ],
  [
    "SYS_PTRACE",
    withContainer(({ securityContext: { capabilities, ...more }, ...container }) => ({
      ...container,
      securityContext: {
        ...more,
        capabilities: { ...capabilities, add: capabilities.add.filter((name) => name !== "SYS_PTRACE") },
      },
    })),
    /^EACCES: permission denied, \w+ '\/proc\/1\/\S+': the agent needs SYS_PTRACE; nothing is collected$/,
  ],
  [
    "mountPropagation",
    withContainer(({ volumeMounts, ...container }) => ({
      ...container,
      volumeMounts: volumeMounts.map(({ mountPropagation: _, ...mount }) => mount),
    })),
    /^the network namespace (?:\/var)?\/run\/netns\/cni-\S+ is mounted where the agent does not see it: the agent needs mountPropagation HostToContainer for its directory; nothing is collected$/,
  ],
];

function withContainer(change: (container: AgentPod["containers"][0]) => AgentPod["containers"][0]) {
  return (pod: AgentPod): AgentPod => ({ ...pod, containers: [change(pod.containers[0])] });
}

test.each(TAKEN)("without %s it says so, and collects nothing", async (_what, take, says) => {
  const pod = take(agent.pod);
  expect(pod).not.toEqual(agent.pod);
  const blind = await start(pod);
  const living = [await runLiving("living", "direct", 0), await runLiving("living-strict", "strict", 1)];
  await runWithoutProcess("mounted", "direct", 2);
  await runDead("dead", "direct", 3);
  api.release();
  expect(await blind.condition("NamespacesVisible")).toMatch(says);
  expect(await blind.figure("branchline_agent_collected_total")).toBe(0);
  expect(node.recordedVlans()).toEqual([11, 12, 13, 14]);
  for (const [i, sandbox] of living.entries()) await node.expectWorks(sandbox, branches[i] as Branch);
  await node.tidy();
  await node.expectNothingLeft();
});
