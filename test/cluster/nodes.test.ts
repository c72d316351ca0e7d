// What happens to nodes and to many pods at once: reboot, eviction, rolling restart, deletion. One cluster of two nodes.
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, sleep } from "../ground/run.ts";
import { callEc2 } from "../ground/simulated-ec2.ts";
import { Cluster } from "./cluster.ts";
import { branchOf, isReady, Pods, type Pod } from "./support/pods.ts";
import { databaseGroup, databaseMachine, DATABASE_PORT, serveDatabase } from "./support/database.ts";
import { deploy, rolledOut } from "./support/workloads.ts";

const MANY = 20;

let cluster: Cluster;
let shop: Pods;
let database: string;

beforeAll(async () => {
  cluster = await Cluster.start({
    nodes: 2,
    world: {
      groups: [{ name: "client" }, databaseGroup],
      machines: [databaseMachine],
    },
  });
  database = await serveDatabase(cluster);
  shop = await Pods.in(cluster, "shop");
  await shop.policy("clients", { app: "client" }, "client");
});

afterAll(() => cluster?.[Symbol.asyncDispose]());

const askDatabase = (pod: Pod) => shop.ask(pod.metadata.name, database, DATABASE_PORT);

it("pods of a node that is rebooted come back with their branches", async () => {
  await shop.create("stays", { labels: { app: "client" }, node: "node-2" });
  const before = await shop.ready("stays");
  await cluster.reboot("node-2");
  await cluster.isReady(["node-2"]);
  const after = await shop.until(
    "stays",
    "is ready again",
    (pod) => isReady(pod) && (pod.status.containerStatuses?.[0]?.restartCount ?? 0) > 0,
  );
  expect(after.metadata.uid).toBe(before.metadata.uid);
  expect(after.status.podIP).toBe(branchOf(before)?.privateIp);
  expect(await askDatabase(after)).toBe(`database ${branchOf(before)?.privateIp}`);
  await shop.remove("stays");
});

it("the successor of a pod that is evicted has a branch of its own", async () => {
  await deploy(cluster, shop, "evicted", 1, { labels: { app: "client" } });
  const [before] = await rolledOut(shop, "evicted", 1);
  const name = before?.metadata.name ?? "";
  await cluster.admin.create(`${shop.path(name)}/eviction`, {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace: "shop" },
  });
  const [after] = await rolledOut(shop, "evicted", 1, before === undefined ? {} : { old: [before] });
  expect(after && branchOf(after)?.eniId).not.toBe(before && branchOf(before)?.eniId);
  expect(after && (await askDatabase(after))).toBe(`database ${after && branchOf(after)?.privateIp}`);
});

it("a rolling restart of twenty pods: each one that is ready has a branch that no other has", async () => {
  await deploy(cluster, shop, "many", MANY, { labels: { app: "client" } });
  const before = await rolledOut(shop, "many", MANY);
  const wrong: string[] = [];
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      const ready = (await shop.list("deployment=many")).filter(isReady);
      const branches = ready.map((pod) => branchOf(pod)?.eniId ?? `none of ${pod.metadata.name}`);
      if (new Set(branches).size < branches.length) wrong.push(`one twice: ${branches.join(", ")}`);
      for (const pod of ready)
        if (pod.status.podIP !== branchOf(pod)?.privateIp)
          wrong.push(`${pod.metadata.name} has ${pod.status.podIP}`);
      await sleep(200);
    }
  })();
  let after: readonly Pod[];
  try {
    const { status, stderr } = await cluster.kubectl(["rollout", "restart", "-n", "shop", "deployment/many"]);
    expect([status, stderr]).toEqual([0, ""]);
    after = await rolledOut(shop, "many", MANY, { old: before });
  } finally {
    over.abort();
    await watching;
  }
  expect(wrong).toEqual([]);
  const old = new Set(before.map((pod) => branchOf(pod)?.eniId));
  expect(after.filter((pod) => old.has(branchOf(pod)?.eniId))).toEqual([]);
  const { associations, interfaces } = await cluster.site.dump();
  const vlans = associations.map(({ trunk, vlan }) => `${trunk} ${vlan}`);
  expect(new Set(vlans).size).toBe(vlans.length);
  const client = (await cluster.groupIds("client"))[0];
  for (const pod of after)
    expect(interfaces.find(({ id }) => id === branchOf(pod)?.eniId)?.groups).toEqual([client]);
});

it("nothing of a node that is deleted stays in EC2, and its pods come elsewhere", async () => {
  const gone = await cluster.machine("node-2");
  const before = await shop.list("deployment=many");
  const onIt = before.filter(({ spec }) => spec?.["nodeName"] === "node-2");
  expect(onIt.length).toBeGreaterThan(0);
  await cluster.site.killNode("node-2");
  await callEc2(cluster.site.ec2, "TerminateInstances", { "InstanceId.1": gone.instance });
  await cluster.admin.delete("/api/v1/nodes/node-2");
  const after = await rolledOut(shop, "many", MANY, { old: onIt });
  expect(after.every(({ spec }) => spec?.["nodeName"] === "node-1")).toBe(true);
  const theirs = new Set(onIt.map((pod) => branchOf(pod)?.eniId));
  await eventually(
    "the end of its interfaces",
    async () => {
      const { interfaces } = await cluster.site.dump();
      const left = interfaces.filter(
        ({ id, attachment }) => attachment?.instance === gone.instance || theirs.has(id),
      );
      return left.length === 0 ? true : undefined;
    },
    90_000,
  );
});
