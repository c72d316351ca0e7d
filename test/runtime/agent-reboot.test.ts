// A node with the agent reboots: with its lists, and with an empty configuration directory, as some have it (Bottlerocket).
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually, podEni, type Branch } from "../ground/index.ts";
import { PlayedApi } from "../ground/kubernetes/played-api.ts";
import { AgentContainer, NODE, agentPodOf, layOutAgent } from "./containerd/agent-container.ts";
import { listOf } from "./containerd/lists.ts";
import { KubeNode, defaultHandler } from "./containerd/node.ts";
import { failureOf, type Pod, type Sandbox } from "./containerd/pods.ts";
import { reboot } from "./containerd/reboot.ts";

let node: KubeNode;
let api: PlayedApi;
let branch: Branch;

const entry = { serviceCIDRs: ["172.20.0.0/16", "fd00:20::/108"], families: ["4", "6"] };
const values = (mode: "open" | "closed") => ({
  trunk: { interface: "eth1" },
  cni: { mode, primaryType: "primary-aws" },
  entry,
});

beforeAll(async () => {
  api = await PlayedApi.open();
  node = await KubeNode.open();
  await layOutAgent(node);
  const [first] = await node.branches(11);
  if (first === undefined) throw new Error("no branch");
  branch = first;
  node.removeDefaultList();
});

afterEach(async () => {
  if (!node.containerd.runs) await node.containerd.start();
  // Without a list it ends no sandbox.
  writePrimary(lists());
  await node.isReady();
  await node.tidy();
  clearLists();
  for (const plural of ["pods", "events"])
    for (const { metadata } of api.all(plural)) api.remove(plural, metadata.namespace ?? "", metadata.name);
});

afterAll(async () => {
  await node.close();
  await api[Symbol.asyncDispose]();
});

/** Where the runtime looks. */
const lists = () => node.containerd.places.lists(defaultHandler);

/** The directory stays: containerd watches it. */
function clearLists(): void {
  for (const name of readdirSync(lists())) rmSync(path.join(lists(), name), { recursive: true });
}

/** As aws-node does it, at each of its starts. */
function writePrimary(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const list = listOf(node.scratch, "direct", { branchline: false });
  writeFileSync(path.join(directory, "10-aws.conflist"), JSON.stringify(list));
}

async function startAgent(mode: "open" | "closed" = "open"): Promise<AgentContainer> {
  const own = lists();
  const paths = {
    "/opt/cni/bin": node.containerd.places.plugins,
    "/etc/cni/net.d": own,
    "/etc/cni/net.d/aws-node": path.join(own, "aws-node"),
  };
  const agent = await AgentContainer.start(node, { ...(await agentPodOf(values(mode))), api, paths });
  await eventually(
    "our list",
    async () => ((await agent.conditions()).get("ListFirst") === "+" ? true : undefined),
    120_000,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}; the agent's log:\n${await agent.log()}`);
  });
  await eventually(
    "the runtime has it",
    async () =>
      (await node.containerd.cri.defaultList())?.includes("branchline") === true ? true : undefined,
    60_000,
  );
  return agent;
}

/** A pod that a policy has selected: it asks for a branch, and the controller has given it one. */
function askingPod(name: string): Pod {
  const pod = node.pod({ name, handler: "" });
  tell(pod, { annotations: { [podEni]: branch.annotation } }, { [podEni]: "1" });
  return pod;
}

function plainPod(name: string): Pod {
  const pod = node.pod({ name, handler: "" });
  tell(pod, {}, {});
  return pod;
}

/** What the API server says of a pod. */
function tell({ name, uid }: Pod, metadata: object, limits: object): void {
  api.put("pods", {
    metadata: { ...metadata, namespace: "shop", name, uid },
    spec: { nodeName: NODE, containers: [{ name: "main", image: "none", resources: { limits } }] },
    status: { phase: "Pending" },
  });
}

/** Runs it, and reports it as kubelet does. */
async function run(pod: Pod): Promise<Sandbox> {
  const sandbox = await pod.run();
  report(pod, Date.now());
  return sandbox;
}

function report(pod: Pod, startedAt: number): void {
  const known = api.all("pods").find(({ metadata }) => metadata.uid === pod.uid);
  if (known === undefined) throw new Error(`no pod ${pod.name}`);
  const running = { startedAt: `${new Date(startedAt).toISOString().slice(0, 19)}Z` };
  api.put("pods", { ...known, status: { phase: "Running", containerStatuses: [{ state: { running } }] } });
}

/** UIDs of the pods of which an event says that they run without their branch. */
function unprotected(): readonly string[] {
  return api
    .all("events")
    .map((event) => event as unknown as { reason: string; involvedObject: { uid: string } })
    .filter(({ reason }) => reason === "PodUnprotected")
    .map(({ involvedObject }) => involvedObject.uid);
}

/** The API server goes on to say of the pod what it said before. */
async function restart(pod: Pod, how: "with its lists" | "with none"): Promise<void> {
  await reboot(node, [branch]);
  // That was before the boot, which only seems to have been.
  report(pod, Date.now() - uptime() * 1000 - 3_600_000);
  if (how === "with none") clearLists();
  await node.containerd.start();
  for (const id of await pod.othersThan([]))
    await node.containerd.cri.stopPodSandbox(id).catch(() => undefined);
}

test("with its lists: no pod starts before the agent, and then each as before", async () => {
  writePrimary(lists());
  await startAgent();
  const pod = askingPod("rebooted");
  await node.expectWorks(await run(pod), branch);

  await restart(pod, "with its lists");
  await node.isReady();
  expect((await failureOf(pod.run())).details).toMatch(
    /plugin type="branchline" failed \(add\): .*agent\.sock/,
  );
  const agent = await startAgent();
  await node.expectWorks(await run(pod), branch);
  expect(await agent.figure("branchline_agent_escaped_pods")).toBe(0);
  expect(unprotected()).toEqual([]);
});

test("with an empty directory, open mode: a pod that starts by aws-node's list has escaped, and an event says so", async () => {
  writePrimary(lists());
  await startAgent();
  const [pod, plain] = [askingPod("escaped"), plainPod("plain")];
  await node.expectWorks(await run(pod), branch);

  await restart(pod, "with none");
  writePrimary(lists());
  await node.isReady();
  const [sandbox] = await Promise.all([run(pod), run(plain)]);
  expect((await sandbox.status()).ips).toEqual([sandbox.primary]);
  const agent = await startAgent();
  await eventually("the event", () => (unprotected().length > 0 ? true : undefined), 60_000);
  expect(unprotected()).toEqual([pod.uid]);
  expect(await agent.figure("branchline_agent_escaped_pods")).toBe(1);

  // Somebody deletes it, and it has a successor.
  await sandbox.end();
  api.remove("pods", "shop", pod.name);
  const next = askingPod("successor");
  await node.expectWorks(await run(next), branch);
  await eventually(
    "none has escaped",
    async () => ((await agent.figure("branchline_agent_escaped_pods")) === 0 ? true : undefined),
    60_000,
  );
  expect(unprotected()).toEqual([pod.uid]);
});

test("with an empty directory, closed mode: the node is not ready before our list stands, and none escapes", async () => {
  writePrimary(path.join(lists(), "aws-node"));
  await startAgent("closed");
  const pod = askingPod("closed");
  await node.expectWorks(await run(pod), branch);

  await restart(pod, "with none");
  writePrimary(path.join(lists(), "aws-node"));
  expect((await failureOf(pod.run())).details).toContain("cni plugin not initialized");
  expect(await node.containerd.cri.notReady()).toContain("cni plugin not initialized");
  const agent = await startAgent("closed");
  await node.isReady();
  await node.expectWorks(await run(pod), branch);
  expect(await agent.figure("branchline_agent_escaped_pods")).toBe(0);
  expect(unprotected()).toEqual([]);
});
