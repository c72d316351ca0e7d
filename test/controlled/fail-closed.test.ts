// What a pod's branch rests on goes away while it is used: the policy, the group, room in EC2, the CRDs; and a cluster
// without nodes comes back. No pod gets other groups than a policy gives it, and pods that have their branch keep it.
import { afterAll, beforeAll, expect, it } from "vitest";
import { ControlledCluster, POD_ENI } from "../api/support/controlled-cluster.ts";
import type { RunningPart } from "../api/support/running-part.ts";
import { applyCrds } from "../ground/kubernetes/crds.ts";
import { eventually } from "../ground/run.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const SELF = ["--cooldown", "30s"];
const TAINT = "branchline.dev/agent-not-ready";

/** Far more than anything takes on a busy machine. */
const SOON_MS = 120_000;

let cluster: ControlledCluster;
let controller: RunningPart;
let web: string;
let db: string;

beforeAll(async () => {
  cluster = await ControlledCluster.start({ nodes: 2 });
  [web, db] = await Promise.all([cluster.groupId("web"), cluster.groupId("db")]);
  for (const app of ["kept", "moved"]) await cluster.createPolicy(app, { app }, [web]);
  controller = cluster.controller(SELF);
  await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
  await hasCapacity("n1");
  await cluster.createPod("kept", { node: "n1", labels: { app: "kept" } });
  await cluster.annotated("kept", "shop", SOON_MS);
}, 2 * SOON_MS);

afterAll(() => cluster[Symbol.asyncDispose]());

it(
  "a policy that is deleted: who has a branch keeps it, and who comes later gets none",
  async () => {
    await cluster.createPod("before", { node: "n1", labels: { app: "moved" } });
    const { eniId } = await cluster.annotated("before", "shop", SOON_MS);
    await cluster.admin.delete(`${POLICIES}/moved`);
    await cluster.createPod("after", { node: "n1", labels: { app: "moved" } });
    await said("after", "BranchRefused", "no SecurityGroupPolicy of its namespace selects the pod");
    expect(await branchesOf("after")).toEqual([]);
    expect((await cluster.annotated("before")).eniId).toBe(eniId);
    expect(await branchesOf("before")).toEqual([[web]]);
    for (const name of ["before", "after"]) await cluster.deletePod(name);
  },
  2 * SOON_MS,
);

it(
  "a policy that is deleted while the branch is being made: the pod gets none of it",
  async () => {
    await cluster.createPolicy("brief", { app: "brief" }, [web]);
    await cluster.hold("AssociateTrunkInterface", false);
    await cluster.createPod("brief", { node: "n1", labels: { app: "brief" } });
    await expect.poll(async () => (await cluster.heldCalls()).length, { timeout: SOON_MS }).toBe(1);
    await cluster.admin.delete(`${POLICIES}/brief`);
    // The controller has heard of it once a later pod is refused.
    await cluster.createPod("witness", { node: "n1", labels: { app: "brief" } });
    await said("witness", "BranchRefused", "no SecurityGroupPolicy of its namespace selects the pod");
    await cluster.letGo();
    await said("brief", "BranchRefused", "no SecurityGroupPolicy of its namespace selects the pod");
    expect(await annotationOf("brief")).toBeUndefined();
    for (const name of ["brief", "witness"]) await cluster.deletePod(name);
  },
  2 * SOON_MS,
);

it(
  "a group that is deleted: EC2 keeps one that is used; with one that is gone a pod waits, until the policy is corrected",
  async () => {
    await expect(cluster.callEc2("DeleteSecurityGroup", { GroupId: web })).rejects.toThrow(
      "DependencyViolation",
    );
    await cluster.callEc2("DeleteSecurityGroup", { GroupId: db });
    await cluster.createPolicy("gone", { app: "gone" }, [db]);
    await cluster.createPod("gone", { node: "n1", labels: { app: "gone" } });
    await said("gone", "BranchFailed", db);
    expect(await annotationOf("gone")).toBeUndefined();
    expect(await branchesOf("gone")).toEqual([]);
    await cluster.admin.patch(`${POLICIES}/gone`, "merge", { spec: { securityGroups: { groupIds: [web] } } });
    await cluster.annotated("gone", "shop", SOON_MS);
    expect(await branchesOf("gone")).toEqual([[web]]);
    await cluster.deletePod("gone");
  },
  2 * SOON_MS,
);

it(
  "the account's quota of interfaces: a pod waits and is told, and has its branch once there is room",
  async () => {
    const { interfaces } = await cluster.dump();
    await cluster.post("settings", { quotas: { interfaces: interfaces.length } });
    await cluster.createPod("one-more", { node: "n1", labels: { app: "kept" } });
    await said("one-more", "BranchFailed", "The maximum number of network interfaces has been reached");
    expect(await annotationOf("one-more")).toBeUndefined();
    await cluster.post("settings", { quotas: { interfaces: 5_000 } });
    await cluster.annotated("one-more", "shop", SOON_MS);
    await cluster.deletePod("one-more");
  },
  2 * SOON_MS,
);

it(
  "both CRDs are deleted: pods keep their branch, nobody gets one, and with the CRDs and a policy it goes on",
  async () => {
    const { eniId } = await cluster.annotated("kept");
    for (const name of ["securitygrouppolicies", "cninodes"])
      await cluster.admin.delete(`${CRDS}/${name}.vpcresources.k8s.aws`);
    await eventually(
      "they are gone",
      async () => ((await cluster.admin.request("GET", CNI_NODES)).status === 404 ? true : undefined),
      SOON_MS,
    );
    await cluster.createPod("without", { node: "n1", labels: { app: "kept" } });
    await said("without", "BranchRefused", "no SecurityGroupPolicy of its namespace selects the pod");
    // Also one that starts now takes nothing for gone.
    await controller.end("SIGKILL");
    controller = cluster.controller(SELF);
    await eventually(
      "it has described EC2",
      async () => ((await controller.health("readyz")).text.includes("[+]Described") ? true : undefined),
      SOON_MS,
    );
    expect(await annotationOf("without")).toBeUndefined();
    await applyCrds(cluster.admin);
    await cluster.createPolicy("kept", { app: "kept" }, [web]);
    await cluster.declareFeature("n1");
    await cluster.annotated("without", "shop", SOON_MS);
    expect((await cluster.annotated("kept")).eniId).toBe(eniId);
    expect(await branchesOf("kept")).toEqual([[web]]);
    expect(await branchesOf("without")).toEqual([[web]]);
  },
  4 * SOON_MS,
);

it(
  "a cluster of no nodes comes back: the first node has its trunk, its taint goes, and who waited has a branch",
  async () => {
    for (const name of ["kept", "without"]) await cluster.deletePod(name);
    await cluster.admin.delete("/api/v1/nodes/n1");
    await controller.end("SIGKILL");
    // Nobody acts, and nothing is scheduled.
    await cluster.createPod("waiting", { labels: { app: "kept" } });
    await cluster.addNode("n2", 1);
    await cluster.admin.patch("/api/v1/nodes/n2", "merge", {
      spec: { taints: [{ key: TAINT, effect: "NoSchedule" }] },
    });
    controller = cluster.controller(SELF);
    await cluster.declareFeature("n2");
    await hasCapacity("n2");
    expect(await isTainted("n2")).toBe(true);
    await agentIsReady("n2");
    await eventually("the taint is gone", async () => ((await isTainted("n2")) ? undefined : true), SOON_MS);
    await cluster.admin.create("/api/v1/namespaces/shop/pods/waiting/binding", {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "waiting" },
      target: { kind: "Node", name: "n2" },
    });
    await cluster.annotated("waiting", "shop", SOON_MS);
    expect(await branchesOf("waiting")).toEqual([[web]]);
  },
  4 * SOON_MS,
);

/** Its pod, as its kubelet reports it. */
async function agentIsReady(node: string): Promise<void> {
  const pods = "/api/v1/namespaces/kube-system/pods";
  await cluster.admin.create(pods, {
    metadata: {
      name: "agent",
      labels: { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" },
    },
    spec: { nodeName: node, hostNetwork: true, containers: [{ name: "agent", image: "i" }] },
  });
  await cluster.admin.patch(`${pods}/agent/status`, "merge", {
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  });
}

async function isTainted(node: string): Promise<boolean> {
  const { spec } = await cluster.admin.get(`/api/v1/nodes/${node}`);
  return JSON.stringify(spec).includes(TAINT);
}

function hasCapacity(node: string): Promise<unknown> {
  return eventually(
    `capacity of ${node}`,
    async () => {
      const { status } = await cluster.admin.get(`/api/v1/nodes/${node}`);
      return (status?.["capacity"] as Record<string, string> | undefined)?.[POD_ENI];
    },
    SOON_MS,
  );
}

async function annotationOf(pod: string): Promise<string | undefined> {
  return (await cluster.pod(pod))?.metadata.annotations?.[POD_ENI];
}

/** The groups of each interface that was made for a pod of this name. */
async function branchesOf(pod: string): Promise<readonly (readonly string[])[]> {
  const { interfaces } = await cluster.dump();
  const isIts = ({ key, value }: { readonly key: string; readonly value: string }) =>
    key === "branchline.dev/pod" && value === `shop/${pod}`;
  return interfaces.filter(({ tags }) => tags.some(isIts)).map(({ groups }) => groups);
}

interface Event {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
}

/** An event on a pod. */
function said(name: string, reason: string, words: string): Promise<Event> {
  return eventually(
    `${reason} of ${name}: ${words}`,
    async () =>
      (await cluster.admin.list<Event>("/api/v1/events")).find(
        (one) => one.involvedObject.name === name && one.reason === reason && one.message.includes(words),
      ),
    SOON_MS,
  );
}
