// What is read of lists in protobuf is what their JSON says: of a real API server, whose fields are numbered as it likes.
import { beforeAll, expect, it } from "vitest";
import { NODE_FACTS } from "../../src/facts/nodes.ts";
import { podOverviews } from "../../src/facts/pod-overviews.ts";
import { POD_FACTS } from "../../src/facts/pods.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { NODE } from "../../src/kubernetes/protobuf/objects.ts";
import { POD_ENI } from "./support/controlled-cluster.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const { signal } = new AbortController();
let client: KubernetesClient;
let plain: KubernetesClient;
let namespace: string;

beforeAll(async () => {
  namespace = await makeNamespace("protobuf");
  const config = loadKubeconfig({ path: shared.adminKubeconfig }, {});
  client = new KubernetesClient(connectTo(config, "test"), { compressed: true });
  plain = new KubernetesClient(connectTo(config, "test"));
});

const merge = { "content-type": "application/merge-patch+json" };

it("Nodes", async () => {
  const { admin } = shared;
  const name = `${namespace}-node`;
  const labels = {
    "kubernetes.io/os": "linux",
    "node.kubernetes.io/instance-type": "m5.large",
    "topology.kubernetes.io/zone": "us-east-1a",
    empty: "",
  };
  await admin.create("/api/v1/nodes", {
    metadata: { name, labels, annotations: { "branchline.dev/trunk": "eni-1" } },
    spec: {
      providerID: "aws:///us-east-1a/i-0123456789abcdef0",
      taints: [{ key: "branchline.dev/agent-not-ready", effect: "NoSchedule" }],
    },
  });
  const status = {
    capacity: { [POD_ENI]: "9", cpu: "2", memory: "8Gi" },
    allocatable: { [POD_ENI]: "8" },
    addresses: [
      { type: "Hostname", address: "h" },
      { type: "InternalIP", address: "10.0.0.4" },
      { type: "InternalIP", address: "fd00::4" },
    ],
    conditions: [
      {
        type: "Ready",
        status: "True",
        lastTransitionTime: "2026-11-28T12:00:00Z",
        reason: "r",
        message: "m",
      },
    ],
    nodeInfo: {
      kernelVersion: "6.12",
      kubeletVersion: "v1.36.3",
      containerRuntimeVersion: "containerd://2.1.4",
      architecture: "amd64",
      bootID: "",
      kubeProxyVersion: "",
      machineID: "",
      operatingSystem: "linux",
      osImage: "",
      systemUUID: "",
    },
    images: Array.from({ length: 50 }, (_, i) => ({ names: [`registry.example/image:${i}`], sizeBytes: i })),
  };
  await admin.request("PATCH", `/api/v1/nodes/${name}/status`, { status }, merge);
  const scope = { fieldSelector: `metadata.name=${name}` };
  const [json] = (await plain.list(NODE_FACTS, scope, signal)).items;
  for (const one of [client, plain]) {
    const { items, resourceVersion } = await one.list({ ...NODE_FACTS, message: NODE }, scope, signal);
    expect(items).toEqual([json]);
    expect(resourceVersion).toMatch(/^\d+$/);
  }
  expect(json).toMatchObject({ isReady: true, capacity: 9, allocatable: 8, zone: "us-east-1a" });
  await admin.delete(`/api/v1/nodes/${name}`);
});

const ANNOTATION = JSON.stringify([
  {
    eniId: "eni-0123456789abcdef0",
    ifAddress: "02:00:00:00:00:01",
    privateIp: "10.0.0.20",
    vlanId: 7,
    subnetCidr: "10.0.0.0/24",
  },
]);
const resources = { limits: { [POD_ENI]: "1" }, requests: { [POD_ENI]: "1" } };
const condition = (type: string, when: string, status = "True") => ({
  type,
  status,
  lastTransitionTime: when,
  message: `${type} is ${status}`,
});

/** What differs is told by the name. */
const PODS: Readonly<
  Record<string, { readonly metadata?: object; readonly spec?: object; readonly status?: object }>
> = {
  plain: {},
  attached: {
    metadata: {
      labels: { app: "web", empty: "", "example.com/グ": undefined },
      annotations: { [POD_ENI]: ANNOTATION, "branchline.dev/datapath": "direct", other: "x".repeat(2000) },
    },
    spec: {
      nodeName: "n1",
      serviceAccountName: "default",
      containers: [{ name: "c", image: "i", resources }],
    },
    status: {
      phase: "Running",
      podIPs: [{ ip: "10.0.0.20" }, { ip: "fd00::20" }],
      podIP: "10.0.0.20",
      conditions: [
        condition("PodScheduled", "2026-11-28T12:00:00Z"),
        condition("PodReadyToStartContainers", "2026-11-28T12:00:03Z"),
        condition("Ready", "2026-11-28T12:00:04Z"),
      ],
    },
  },
  started: {
    spec: { nodeName: "n1", initContainers: [{ name: "first", image: "i", resources }] },
    status: {
      phase: "Running",
      initContainerStatuses: [
        {
          name: "first",
          image: "i",
          imageID: "",
          ready: true,
          restartCount: 0,
          state: {
            terminated: {
              exitCode: 0,
              startedAt: "2026-11-28T12:00:05Z",
              finishedAt: "2026-11-28T12:00:06Z",
            },
          },
        },
      ],
      containerStatuses: [
        {
          name: "c",
          image: "i",
          imageID: "",
          ready: true,
          restartCount: 0,
          state: { running: { startedAt: "2026-11-28T12:00:07Z" } },
        },
      ],
    },
  },
  unschedulable: {
    spec: { containers: [{ name: "c", image: "i", resources }] },
    status: { conditions: [condition("PodScheduled", "2026-11-28T12:00:00Z", "False")] },
  },
  broken: { metadata: { annotations: { [POD_ENI]: "[]" } }, spec: { hostNetwork: true } },
  ending: { metadata: { finalizers: ["example.com/waits"] } },
};

it("Pods", async () => {
  const { admin } = shared;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  for (const [name, { metadata, spec, status }] of Object.entries(PODS)) {
    const containers = [{ name: "c", image: "i" }];
    await admin.create(pods, { metadata: { name, ...metadata }, spec: { containers, ...spec } });
    if (status !== undefined) await admin.request("PATCH", `${pods}/${name}/status`, { status }, merge);
  }
  await admin.delete(`${pods}/ending?gracePeriodSeconds=0`);
  const facts = (await plain.list(POD_FACTS, { namespace }, signal)).items;
  const { items } = await client.list(podOverviews(), { namespace }, signal);
  const times = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  const common = facts.map((fact) => ({
    namespace,
    name: fact.name,
    uid: fact.uid,
    labels: fact.labels,
    node: fact.node,
    serviceAccount: fact.serviceAccount,
    usesHostNetwork: fact.usesHostNetwork,
    asksForBranch: fact.asksForBranch,
    phase: fact.phase,
    isReady: fact.isReady,
    isBeingDeleted: fact.isBeingDeleted,
    createdAt: times(fact.createdAt),
    networkAt: times(fact.networkAt),
    addresses: fact.addresses,
    branch: fact.branch,
  }));
  expect(items.map(({ datapath: _, unschedulable: __, ...rest }) => rest)).toEqual(common);
  const of = (name: string) => items.find((item) => item.name === name);
  expect(items).toHaveLength(Object.keys(PODS).length);
  expect(of("attached")).toMatchObject({
    datapath: "direct",
    asksForBranch: true,
    networkAt: Date.parse("2026-11-28T12:00:03Z"),
    branch: { readable: true, vlanId: 7 },
    addresses: ["10.0.0.20", "fd00::20"],
    unschedulable: undefined,
  });
  expect(of("started")).toMatchObject({ networkAt: Date.parse("2026-11-28T12:00:05Z"), asksForBranch: true });
  expect(of("unschedulable")?.unschedulable).toBe("PodScheduled is False");
  expect(of("broken")).toMatchObject({ usesHostNetwork: true, branch: { readable: false } });
  expect(of("ending")).toMatchObject({ isBeingDeleted: true });
  await admin.patch(`${pods}/ending`, "merge", { metadata: { finalizers: null } });
});

it("refusals, and the server's clock", async () => {
  const scope = { namespace, fieldSelector: "metadata.nonsense=1" };
  const refused = client.list(podOverviews(), scope, signal);
  await expect(refused).rejects.toMatchObject({
    kind: "invalid",
    status: 400,
    message: expect.stringContaining("field label not supported: metadata.nonsense (400)"),
  });
  expect(Math.abs((client.serverTime ?? 0) - Date.now())).toBeLessThan(60_000);
});
