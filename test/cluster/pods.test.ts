// Pods of a cluster with real kubelets: who gets a branch, when it starts, and whom it reaches. One cluster of two nodes.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../ground/run.ts";
import { Cluster } from "./cluster.ts";
import { branchOf, httpProbe, isReady, Pods, podSpec, POD_PORT, tcpProbe } from "./support/pods.ts";
import { databaseGroup, databaseMachine, DATABASE_PORT, serveDatabase } from "./support/database.ts";

/** Seconds that an ADD waits for its branch: less than usual, so that kubelet's next try is soon. */
const PATIENCE = 5;

let cluster: Cluster;
let shop: Pods;
let database: string;
/** The ENIs that the Job's pods had. */
let jobs: readonly string[] = [];

beforeAll(async () => {
  cluster = await Cluster.start({
    nodes: 2,
    entry: { branchTimeout: PATIENCE },
    world: {
      groups: [
        { name: "client", ingress: [{ protocol: "tcp", ports: [POD_PORT, POD_PORT], group: "client" }] },
        { name: "other" },
        databaseGroup,
      ],
      machines: [databaseMachine],
    },
  });
  database = await serveDatabase(cluster);
  shop = await Pods.in(cluster, "shop");
  await shop.policy("clients", { app: "client" }, "client");
  await shop.policy("others", { app: "other" }, "other");
});

afterAll(() => cluster?.[Symbol.asyncDispose]());

/** The groups that EC2 has for an interface, by name. */
async function groupsOf(eni: string): Promise<readonly string[]> {
  const { interfaces, groups } = await cluster.site.dump();
  const ids = interfaces.find(({ id }) => id === eni)?.groups ?? [];
  return ids.map((id) => groups.find((group) => group.id === id)?.name ?? id);
}

describe("a pod that a policy selects", () => {
  it("starts with a branch of the policy's groups, which decide whom it reaches", async () => {
    await shop.create("web", { labels: { app: "client" }, probe: httpProbe });
    const pod = await shop.ready("web");
    const branch = branchOf(pod);
    expect(pod.status.podIP).toBe(branch?.privateIp);
    expect(await groupsOf(branch?.eniId ?? "")).toEqual(["client"]);
    expect(await shop.ask("web", database, DATABASE_PORT)).toBe(`database ${branch?.privateIp}`);
  });

  it("with other groups, or without a policy, reaches what its groups admit, and no more", async () => {
    await shop.create("stranger", { labels: { app: "other" }, probe: tcpProbe });
    await shop.create("plain", { labels: { app: "plain" }, probe: httpProbe });
    const [stranger, plain] = [await shop.ready("stranger"), await shop.ready("plain")];
    expect(await groupsOf(branchOf(stranger)?.eniId ?? "")).toEqual(["other"]);
    expect(branchOf(plain)).toBeUndefined();
    for (const name of ["stranger", "plain"])
      expect([name, await shop.ask(name, database, DATABASE_PORT)]).toEqual([name, "timed out"]);
  });

  it("has to wait for its branch: kubelet tries again, and the event says what is missing", async () => {
    await cluster.site.control("POST", "holds", { action: "AssociateTrunkInterface" });
    try {
      await shop.create("late", { labels: { app: "client" } });
      const failed = await shop.event("late", "FailedCreatePodSandBox", 60_000);
      expect(failed).toContain("branch");
      expect(isReady(await shop.get("late"))).toBe(false);
    } finally {
      await cluster.site.control("DELETE", "holds");
    }
    const pod = await shop.ready("late");
    expect(pod.status.podIP).toBe(branchOf(pod)?.privateIp);
  });

  it("may be asked across nodes by its address, and by a Service's name", async () => {
    const on = (node: string) => ({ labels: { app: "client" }, node, probe: httpProbe });
    await shop.create("one", on("node-1"));
    await shop.create("two", on("node-2"));
    const [one, two] = [await shop.ready("one"), await shop.ready("two")];
    expect(await shop.ask("one", two.status.podIP ?? "")).toBe(`two ${one.status.podIP}`);
    expect(await shop.ask("two", one.status.podIP ?? "")).toBe(`one ${two.status.podIP}`);
    // With the direct datapath a Service is reached by the node, under its groups.
    await cluster.apply({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "plain", namespace: "shop" },
      spec: { selector: { app: "plain" }, ports: [{ port: 80, targetPort: POD_PORT }] },
    });
    const address = (await shop.resolve("one", "plain.shop.svc.cluster.local")).at(0) ?? "";
    await eventually("the Service", async () =>
      (await shop.ask("one", address, 80)).startsWith("plain ") ? true : undefined,
    );
  });
});

it("init containers have the branch already", async () => {
  const [init] = (podSpec({ command: ["ask", database, String(DATABASE_PORT)] }) as { containers: [object] })
    .containers;
  await shop.create("begun", {
    labels: { app: "client" },
    spec: { initContainers: [{ ...init, name: "ask" }], restartPolicy: "Never" },
  });
  const pod = await shop.ready("begun");
  const said = await cluster.kubectl(["logs", "-n", "shop", "begun", "-c", "ask"]);
  expect(said.stdout.trim()).toBe(`database ${branchOf(pod)?.privateIp}`);
});

it("a pod on the node's network has no branch, whatever its labels", async () => {
  await shop.create("host", {
    labels: { app: "client" },
    spec: { hostNetwork: true },
    command: ["sleep", "1000"],
  });
  const pod = await shop.ready("host");
  expect(branchOf(pod)).toBeUndefined();
  expect(pod.status.podIP).toBe(pod.status.hostIP);
});

describe("a Job", () => {
  it("ends as ever: each of its pods has a branch", async () => {
    await cluster.apply({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "count", namespace: "shop" },
      spec: {
        completions: 3,
        parallelism: 3,
        template: {
          metadata: { labels: { app: "client", job: "count" } },
          spec: {
            ...podSpec({ command: ["ask", database, String(DATABASE_PORT)] }),
            restartPolicy: "Never",
          },
        },
      },
    });
    const ended = await eventually(
      "the Job's end",
      async () => {
        const pods = await shop.list("job=count");
        const isDone = pods.every(({ status }) => status.phase === "Succeeded");
        return pods.length === 3 && isDone ? pods : undefined;
      },
      90_000,
    );
    jobs = ended.map((pod) => branchOf(pod)?.eniId ?? "");
    expect(new Set(jobs).size).toBe(3);
  });
});

it("a StatefulSet's pod that comes again has its name, and a branch of its own", async () => {
  await cluster.apply({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "set", namespace: "shop" },
    spec: {
      serviceName: "set",
      selector: { matchLabels: { set: "set" } },
      template: {
        metadata: { labels: { app: "client", set: "set" } },
        spec: podSpec({ node: "node-1", probe: httpProbe }),
      },
    },
  });
  await eventually("set-0", async () => ((await shop.list("set=set")).length > 0 ? true : undefined));
  const first = await shop.ready("set-0");
  await cluster.admin.delete(shop.path("set-0"));
  const second = await shop.until(
    "set-0",
    "is ready again",
    (pod) => pod.metadata.uid !== first.metadata.uid && isReady(pod),
  );
  expect(branchOf(second)?.eniId).not.toBe(branchOf(first)?.eniId);
  expect(second.status.podIP).toBe(branchOf(second)?.privateIp);
  expect(await shop.ask("set-0", database, DATABASE_PORT)).toBe(`database ${second.status.podIP}`);
});

describe("a static pod", () => {
  const write = (name: string, labels: object) =>
    cluster.site.run("node-1", ["sh", "-c", 'cat >"/etc/kubernetes/manifests/$1.json"', "sh", name], {
      input: JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: "shop", labels },
        spec: podSpec(),
      }),
    });

  it("runs without a branch, if no policy selects it", async () => {
    await write("static", {});
    const pod = await shop.ready("static-node-1");
    expect(branchOf(pod)).toBeUndefined();
  });

  it("that a policy selects is refused, since nobody can give it a branch", async () => {
    await write("refused", { app: "client" });
    expect(await shop.event("refused-node-1", "BranchRefused")).toContain("clients");
    expect(isReady(await shop.get("refused-node-1"))).toBe(false);
  });
});

it("pods that have ended give their branches back before they are deleted", async () => {
  // After a cooldown of 30 s, which has begun with their end.
  await eventually(
    "the end of the Job's branches",
    async () => {
      const { interfaces } = await cluster.site.dump();
      return interfaces.some(({ id }) => jobs.includes(id)) ? undefined : true;
    },
    60_000,
  );
  expect(await shop.list("job=count")).toHaveLength(3);
});
