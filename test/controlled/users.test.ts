// What users of AWS's controllers have suffered from, each by the number of its issue (rc: amazon-vpc-resource-controller-k8s,
// cni: amazon-vpc-cni-k8s, roadmap: containers-roadmap), played with the running controller: ours does not.
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../ground/run.ts";
import { CLUSTER, ControlledCluster, POD_ENI } from "../api/support/controlled-cluster.ts";
import type { RunningPart } from "../api/support/running-part.ts";

const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const ENI_CONFIGS = "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs";
const SELF = ["--cooldown", "30s"];

let cluster: ControlledCluster;
let controller: RunningPart;
let groups: ReadonlyMap<string, string>;
let nodesSubnet: string;
let podsSubnet: string;
/** Of a controller before ours, for the instance of `left`. */
let leftTrunk: string;
const instances: Record<string, string> = {};

beforeAll(async () => {
  cluster = await ControlledCluster.start({ nodes: 1, settings: { moreTypes: { "m99.large": [3, 9] } } });
  nodesSubnet = (await cluster.dump()).interfaces[0]?.subnet ?? "";
  const vpc = /<vpcId>(.*?)</.exec(await cluster.callEc2("DescribeSubnets", {}))?.[1] ?? "";
  const made = await cluster.callEc2("CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.64.0/24" });
  podsSubnet = /<subnetId>(.*?)</.exec(made)?.[1] ?? "";
  for (const name of ["a", "b", "c", "d"])
    await cluster.callEc2("CreateSecurityGroup", { GroupName: name, GroupDescription: name, VpcId: vpc });
  groups = new Map((await cluster.dump()).groups.map(({ name, id }) => [name, id]));
  await createEniConfigCrd();
  for (const app of ["web", "db"]) await cluster.createPolicy(app, { app }, [groupOf(app)]);
  instances["n1"] = await cluster.addNode("n1", 0);
  leftTrunk = await leaveTrunk(await addInstance("left"));
  controller = cluster.controller(SELF);
  await cluster.declareFeature("n1");
  await ready("n1");
  // The others go on while it waits for a kubelet.
  await addNode("idle");
  await ready("idle");
}, 60_000);

afterAll(() => cluster[Symbol.asyncDispose]());

it("rc#99: pods that are bound before the node is managed get their branches as soon as its trunk is ready", async () => {
  await addNode("early", "m5.large", false);
  const names = ["early-1", "early-2", "early-3"];
  for (const name of names) await cluster.createPod(name, { node: "early" });
  await said("early-1", "BranchWaiting", "its agent has not declared the feature SecurityGroupsForPods");
  await cluster.declareFeature("early");
  for (const name of names) expect((await cluster.annotated(name)).eniId).toMatch(/^eni-/);
});

it("rc#602: a pod that no policy selects has a reason, and never the node's groups", async () => {
  await cluster.createPod("unselected", { node: "n1", labels: { app: "other" } });
  await said("unselected", "BranchRefused", "no SecurityGroupPolicy of its namespace selects the pod");
  expect(await branchesOf("unselected")).toEqual([]);
  await cluster.deletePod("unselected");
});

it("cni#1374: a pod that is made anew by the same name has a branch of its own, never the one before's", async () => {
  const before = await cluster.createPod("again", { node: "n1" });
  const first = await cluster.annotated("again");
  await cluster.deletePod("again");
  const uid = await cluster.createPod("again", { node: "n1" });
  const second = await cluster.annotated("again");
  expect(uid).not.toBe(before);
  expect(second.eniId).not.toBe(first.eniId);
  // rc#13: and the VLAN id of the one before is not its own while that cools.
  expect(second.vlanId).not.toBe(first.vlanId);
  expect(await podUidOf(second.eniId)).toBe(uid);
  await cluster.deletePod("again");
});

it("rc#33, cni#3018: a pod that has finished frees its branch, and what cools is no capacity", async () => {
  await addNode("jobs");
  await ready("jobs");
  for (const phase of ["Succeeded", "Failed"]) {
    await cluster.createPod(phase.toLowerCase(), { node: "jobs" });
    await cluster.annotated(phase.toLowerCase());
    await cluster.admin.patch(`/api/v1/namespaces/shop/pods/${phase.toLowerCase()}/status`, "merge", {
      status: { phase },
    });
  }
  await expect.poll(async () => (await quantities("jobs")).capacity, { timeout: 10_000 }).toBe("7");
  // One more than there is room for waits, and is told how long.
  for (let i = 0; i < 8; i += 1) await cluster.createPod(`job-${i}`, { node: "jobs" });
  const waiting = await eventually("an event", async () =>
    (await events()).find(
      ({ reason, message }) => reason === "BranchWaiting" && message.includes("node jobs are taken"),
    ),
  );
  expect(waiting.message).toMatch(/2 of them by pods that have ended, the next is free in \d+ s/);
  // It gets the first of the two.
  for (let i = 0; i < 8; i += 1) await cluster.annotated(`job-${i}`, "shop", 50_000);
  await expect.poll(() => branchesOf("succeeded"), { timeout: 10_000 }).toEqual([]);
  await expect.poll(async () => (await quantities("jobs")).capacity, { timeout: 10_000 }).toBe("9");
}, 90_000);

it("rc#515: an instance that has the host name of one before is a new node", async () => {
  await addNode("reused");
  await ready("reused");
  await cluster.createPod("on-old", { node: "reused" });
  const old = await cluster.annotated("on-old");
  const before = await cluster.admin.get(`${CNI_NODES}/reused`);
  await cluster.callEc2("TerminateInstances", { "InstanceId.1": instances["reused"] ?? "" });
  await cluster.admin.delete("/api/v1/nodes/reused");
  await cluster.deletePod("on-old");
  // Nobody collects its CNINode here, and its successor comes at once.
  await addNode("reused", "m5.large", false);
  await expect
    .poll(async () => (await cluster.admin.request("GET", `${CNI_NODES}/reused`)).body, { timeout: 10_000 })
    .toMatchObject({
      metadata: {
        uid: expect.not.stringMatching(before.metadata.uid ?? ""),
        annotations: { "branchline.dev/instance-id": instances["reused"] },
      },
    });
  await cluster.declareFeature("reused");
  await ready("reused");
  await cluster.createPod("on-new", { node: "reused" });
  const now = await cluster.annotated("on-new");
  const { interfaces, associations } = await cluster.dump();
  const trunk = associations.find(({ branch }) => branch === now.eniId)?.trunk;
  expect(interfaces.find(({ id }) => id === trunk)?.attachment?.instance).toBe(instances["reused"]);
  expect(now.eniId).not.toBe(old.eniId);
});

it("rc#209: a trunk that was left unattached is not taken, and goes; that of a node stays", async () => {
  expect((await cluster.dump()).interfaces.map(({ id }) => id)).toContain(leftTrunk);
  await makeNode("left", instances["left"] ?? "");
  await cluster.declareFeature("left");
  await ready("left");
  const { interfaces } = await cluster.dump();
  const own = interfaces.filter(
    ({ type, attachment }) => type === "trunk" && attachment?.instance === instances["left"],
  );
  expect(own.map(({ attachment }) => attachment?.status)).toEqual(["attached"]);
  expect(own[0]?.id).not.toBe(leftTrunk);
  await expect
    .poll(async () => (await cluster.dump()).interfaces.map(({ id }) => id), { timeout: 10_000 })
    .not.toContain(leftTrunk);
});

it("rc#118: what has failed is not remembered as done: the trunk comes with the next try", async () => {
  for (const action of ["CreateNetworkInterface", "AttachNetworkInterface"])
    for (const after of [false, true])
      await cluster.post("faults", { action, code: "InternalError", status: 500, count: 1, after });
  await addNode("failing");
  await ready("failing", 40_000);
  await cluster.createPod("on-failing", { node: "failing" });
  await cluster.annotated("on-failing");
  const { interfaces } = await cluster.dump();
  const trunks = interfaces.filter(
    ({ type, tags }) => type === "trunk" && tags.some(({ value }) => value === instances["failing"]),
  );
  expect(trunks.map(({ attachment }) => attachment?.instance)).toEqual([instances["failing"]]);
});

it("rc#185: a type that is not known says by which command it becomes known, and then has its trunk", async () => {
  await addNode("new-type", "m99.large");
  const { message } = await said("new-type", "TrunkImpossible", "instance type m99.large is not known");
  const data = /--type merge -p '(.*)'$/.exec(message)?.[1]?.replace("INTERFACES BRANCHES", "3 9") ?? "";
  await cluster.admin.create("/api/v1/namespaces/kube-system/configmaps", {
    metadata: { name: "branchline-instance-types" },
    ...(JSON.parse(data) as object),
  });
  await ready("new-type");
  await cluster.createPod("on-new-type", { node: "new-type" });
  expect((await cluster.annotated("on-new-type")).eniId).toMatch(/^eni-/);
});

it("cni#2163: groups that change while a branch is being made are those that it has in the end", async () => {
  await cluster.createPolicy("moving", { app: "moving" }, [groupOf("web")]);
  await cluster.hold("AssociateTrunkInterface", false);
  await cluster.createPod("moving", { node: "n1", labels: { app: "moving" } });
  await expect.poll(async () => (await cluster.heldCalls()).length, { timeout: 10_000 }).toBe(1);
  const url = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies/moving";
  await cluster.admin.patch(url, "merge", { spec: { securityGroups: { groupIds: [groupOf("db")] } } });
  // The controller has heard of it once a later pod has the new group.
  await cluster.createPod("later", { node: "early", labels: { app: "moving" } });
  expect(await groupsOf((await cluster.annotated("later")).eniId)).toEqual([groupOf("db")]);
  await cluster.letGo();
  const { eniId } = await cluster.annotated("moving");
  expect(await groupsOf(eniId)).toEqual([groupOf("db")]);
  // rc#88: and the CNINode says so.
  await expect.poll(() => toldGroups("n1", eniId), { timeout: 10_000 }).toEqual([groupOf("db")]);
  for (const name of ["moving", "later"]) await cluster.deletePod(name);
});

it("roadmap#2608: more groups than five are refused by the account's quota alone, in EC2's words", async () => {
  const [first, second] = [
    ["web", "db", "a"],
    ["b", "c", "d"],
  ].map((names) => names.map(groupOf));
  await cluster.createPolicy("six-1", { app: "six" }, first ?? []);
  await cluster.createPolicy("six-2", { app: "six" }, second ?? []);
  await cluster.createPod("six", { node: "early", labels: { app: "six" } });
  await said("six", "BranchFailed", "SecurityGroupsPerInterfaceLimitExceeded");
  expect(await branchesOf("six")).toEqual([]);
  await cluster.post("settings", { quotas: { groupsPerInterface: 10 } });
  const { eniId } = await cluster.annotated("six");
  expect((await groupsOf(eniId)).toSorted()).toEqual([...(first ?? []), ...(second ?? [])].toSorted());
});

it("cni#2792: with custom networking the trunk waits for its ENIConfig, and is where that says", async () => {
  await addNode("custom", "m5.large", false);
  await declareCustomNetworking("custom");
  await said("custom", "TrunkWaiting", "the ENIConfig pods, which does not exist");
  await cluster.admin.create(ENI_CONFIGS, {
    apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
    kind: "ENIConfig",
    metadata: { name: "pods" },
    spec: { subnet: podsSubnet, securityGroups: [groupOf("db")] },
  });
  await ready("custom");
  await cluster.createPod("on-custom", { node: "custom" });
  const branch = await cluster.annotated("on-custom");
  const { interfaces, associations } = await cluster.dump();
  const trunkId = associations.find(({ id }) => id === branch.associationID)?.trunk;
  const trunk = interfaces.find(({ id }) => id === trunkId);
  expect(trunk).toMatchObject({ subnet: podsSubnet, groups: [groupOf("db")] });
  expect(interfaces.find(({ id }) => id === branch.eniId)).toMatchObject({
    subnet: podsSubnet,
    groups: [groupOf("web")],
  });
  expect(branch.subnetCidr).toBe("10.0.64.0/24");
});

it("cni#2369: a type that custom networking leaves no interface for a trunk is told so, and nothing is tried", async () => {
  await addNode("narrow", "r7g.medium", false);
  await declareCustomNetworking("narrow");
  await said(
    "narrow",
    "TrunkImpossible",
    "instance type r7g.medium takes 2 interfaces: with custom networking",
  );
  await expect
    .poll(async () => (await cluster.admin.get(`${CNI_NODES}/narrow`)).status, { timeout: 10_000 })
    .toMatchObject({ conditions: [{ type: "TrunkReady", status: "False", reason: "TrunkImpossible" }] });
  const { interfaces } = await cluster.dump();
  expect(interfaces.filter(({ attachment }) => attachment?.instance === instances["narrow"])).toHaveLength(1);
});

it("rc#10, rc#634: a restart releases nothing of pods that run, and describes all nodes in one go", async () => {
  // More than one page of any list.
  const plain = Array.from({ length: 520 }, (_, i) => `plain-${i}`);
  for (let i = 0; i < plain.length; i += 20) {
    const some = plain.slice(i, i + 20);
    await Promise.all(some.map((name) => cluster.createPod(name, { node: "n1", wantsBranch: false })));
  }
  const before = await branches();
  await controller.end("SIGKILL");
  // cni#3705: it goes on without what it may not describe.
  await cluster.post("settings", { deniedActions: ["DescribeTrunkInterfaceAssociations"] });
  controller = cluster.controller(SELF);
  await cluster.createPod("after-restart", { node: "n1" });
  const { eniId } = await cluster.annotated("after-restart");
  const calls = await controller.metrics();
  const count = (action: string) =>
    calls.get(`branchline_controller_ec2_calls_total{action="${action}"}`) ?? 0;
  // The one that has no trunk.
  expect(saidBy("LookAtInstance")).toEqual([instances["narrow"]]);
  expect(count("DescribeNetworkInterfaces")).toBe(1);
  const now = await branches();
  expect(before.size).toBeGreaterThan(5);
  for (const [id, pod] of before) expect(now.get(id)).toBe(pod);
  expect(now.has(eniId)).toBe(true);
  // None of them is about to go either.
  const pods = await cluster.admin.list("/api/v1/pods");
  const running = pods.filter(
    ({ metadata, status }) =>
      metadata.annotations?.[POD_ENI] !== undefined &&
      !["Succeeded", "Failed"].includes(String(status?.["phase"])),
  );
  await expect
    .poll(async () => (await controller.metrics()).get('branchline_controller_branches{state="assigned"}'))
    .toBe(running.length);
});

it("rc#637: where no kubelet copies the capacity into allocatable, it is written there", async () => {
  await expect
    .poll(() => quantities("idle"), { timeout: 50_000, interval: 500 })
    .toEqual({ capacity: "9", allocatable: "9" });
});

/** Instances about which the controller that runs now has logged an action. */
function saidBy(kind: string): readonly unknown[] {
  return controller.lines.filter(({ message }) => message.startsWith(kind)).map(({ instance }) => instance);
}

function groupOf(name: string): string {
  return groups.get(name) ?? "";
}

async function addInstance(name: string, type = "m5.large"): Promise<string> {
  const answer = await cluster.callEc2("RunInstances", {
    ImageId: "ami-0123456789abcdef0",
    MinCount: "1",
    MaxCount: "1",
    InstanceType: type,
    SubnetId: nodesSubnet,
    "SecurityGroupId.1": groupOf("node"),
  });
  const id = /<instanceId>(.*?)</.exec(answer)?.[1] ?? "";
  instances[name] = id;
  const isRunning = async () =>
    (await cluster.dump()).instances.find((one) => one.id === id)?.state === "running";
  await eventually(`${id} runs`, async () => ((await isRunning()) ? true : undefined));
  return id;
}

async function makeNode(name: string, instance: string, type = "m5.large"): Promise<void> {
  const { instances: all } = await cluster.dump();
  await cluster.addNode(
    name,
    all.findIndex(({ id }) => id === instance),
    type,
  );
}

async function addNode(name: string, type = "m5.large", isManaged = true): Promise<void> {
  await makeNode(name, await addInstance(name, type), type);
  if (isManaged) await cluster.declareFeature(name);
}

async function quantities(node: string) {
  const { status } = await cluster.admin.get(`/api/v1/nodes/${node}`);
  const of = (field: string) => (status?.[field] as Record<string, string> | undefined)?.[POD_ENI];
  return { capacity: of("capacity"), allocatable: of("allocatable") };
}

/** It has capacity. */
async function ready(node: string, timeout = 20_000): Promise<void> {
  const capacity = async () => (await quantities(node)).capacity;
  await eventually(`capacity of ${node}`, capacity, timeout);
}

async function declareCustomNetworking(node: string): Promise<void> {
  // Both at once, as aws-node and the agent have both declared theirs before.
  await eventually(`the CNINode ${node}`, async () =>
    (await cluster.admin.request("GET", `${CNI_NODES}/${node}`)).status === 200 ? true : undefined,
  );
  const features = [
    { name: "SecurityGroupsForPods", value: "" },
    { name: "CustomNetworking", value: "pods" },
  ];
  await cluster.admin.patch(`${CNI_NODES}/${node}`, "merge", { spec: { features } });
}

async function leaveTrunk(instance: string): Promise<string> {
  const tags = {
    [`kubernetes.io/cluster/${CLUSTER}`]: "owned",
    "node.k8s.amazonaws.com/instance_id": instance,
    "eks:eni:owner": "eks-vpc-resource-controller",
  };
  const numbered = Object.entries(tags).flatMap(([key, value], i) => [
    [`TagSpecification.1.Tag.${i + 1}.Key`, key],
    [`TagSpecification.1.Tag.${i + 1}.Value`, value],
  ]);
  const answer = await cluster.callEc2("CreateNetworkInterface", {
    SubnetId: nodesSubnet,
    InterfaceType: "trunk",
    "TagSpecification.1.ResourceType": "network-interface",
    ...(Object.fromEntries(numbered) as Record<string, string>),
  });
  return /<networkInterfaceId>(.*?)</.exec(answer)?.[1] ?? "";
}

interface Event {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
}

async function events(): Promise<readonly Event[]> {
  return cluster.admin.list<Event>("/api/v1/events");
}

/** An event on a pod or a node. */
async function said(name: string, reason: string, words: string): Promise<Event> {
  return eventually(`${reason} of ${name}: ${words}`, async () =>
    (await events()).find(
      (one) => one.involvedObject.name === name && one.reason === reason && one.message.includes(words),
    ),
  );
}

/** Branches in EC2, with the pod that each was made for. */
async function branches(): Promise<ReadonlyMap<string, string>> {
  const { interfaces } = await cluster.dump();
  return new Map(
    interfaces.flatMap(({ id, tags }) => {
      const pod = tags.find(({ key }) => key === "branchline.dev/pod")?.value;
      return pod === undefined ? [] : [[id, pod] as const];
    }),
  );
}

async function branchesOf(pod: string): Promise<readonly string[]> {
  return [...(await branches())].flatMap(([id, name]) => (name === `shop/${pod}` ? [id] : []));
}

async function podUidOf(eni: string): Promise<string | undefined> {
  const { interfaces } = await cluster.dump();
  return interfaces.find(({ id }) => id === eni)?.tags.find(({ key }) => key === "branchline.dev/pod-uid")
    ?.value;
}

async function groupsOf(eni: string): Promise<readonly string[]> {
  return (await cluster.dump()).interfaces.find(({ id }) => id === eni)?.groups ?? [];
}

async function toldGroups(node: string, eni: string): Promise<readonly string[] | undefined> {
  const { status } = await cluster.admin.get(`${CNI_NODES}/${node}`);
  const trunk = status?.["trunkInterface"] as
    { branches: readonly { id: string; securityGroups?: readonly string[] }[] } | undefined;
  return trunk?.branches.find(({ id }) => id === eni)?.securityGroups;
}

/** As aws-node brings it. */
async function createEniConfigCrd(): Promise<void> {
  await cluster.admin.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: "eniconfigs.crd.k8s.amazonaws.com" },
    spec: {
      group: "crd.k8s.amazonaws.com",
      scope: "Cluster",
      names: { plural: "eniconfigs", singular: "eniconfig", kind: "ENIConfig" },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  });
  await eventually("ENIConfigs are served", async () =>
    (await cluster.admin.request("GET", ENI_CONFIGS)).status === 200 ? true : undefined,
  );
}
