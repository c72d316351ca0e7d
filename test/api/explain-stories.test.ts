// The stories of docs/explain.md, made for real: an API server with the chart, a running controller, the simulated EC2, an
// agent. What the executable prints is what the page shows.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiClient } from "../ground/kubernetes/client.ts";
import { eventually, sleep } from "../ground/run.ts";
import { askForBranch } from "./support/ask.ts";
import { RunningAgent } from "./support/running-agent.ts";
import type { RunningPart } from "./support/running-part.ts";
import { POD_ENI } from "./support/controlled-cluster.ts";
import { type Told, ToldCluster } from "./support/told-cluster.ts";
import { documented, type Step, transcriptOf } from "./support/transcript.ts";

const PAGE = "explain.md";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const DNS_PORTS = ["udp", "tcp"].map((name) => ({ name, port: 53, protocol: name.toUpperCase() }));
const STRICT = { datapath: "routed", podSGEnforcingMode: "strict", manageEarlyDemux: true };

let told: ToldCluster;
let controller: RunningPart;
let scratch: string;
let vpc: string;
let groups: ReadonlyMap<string, string>;
let instance: string;

const group = (name: string) => groups.get(name) ?? "";

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "explain-"));
  told = await ToldCluster.start(1, STRICT);
  const { cluster } = told;
  controller = told.admitted.controller();
  const { instances } = await cluster.dump();
  instance = instances[0]?.id ?? "";
  vpc = /<vpcId>(.*?)</.exec(await cluster.callEc2("DescribeVpcs", {}))?.[1] ?? "";
  await told.addNode("node-1", instance);
  await cluster.declareFeature("node-1");
  for (const name of ["a", "b", "c", "d"]) await told.createGroup(name, vpc);
  groups = new Map((await cluster.dump()).groups.map(({ name, id }) => [name, id]));
  for (const app of ["web", "db"]) await cluster.createPolicy(app, { app }, [group(app)]);
  await policiesAreKnown();
  await hasTrunk("node-1");
  const address = await told.takeAddress(instance);
  await told.createPod("coredns-0", {
    node: "node-1",
    namespace: "kube-system",
    labels: { "k8s-app": "kube-dns" },
  });
  await told.runs("coredns-0", address, "kube-system");
  await told.createService("kube-system", "kube-dns", "127.96.0.10", DNS_PORTS, [
    { pod: "coredns-0", address },
  ]);
}, 120_000);

afterAll(async () => {
  await told?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** The API server's own policies act a moment after they are there, and the webhook's replica has to know them. */
async function policiesAreKnown(): Promise<void> {
  await eventually(
    "a selected pod is given its limit",
    async () => {
      await told.createPod("trial-0", { node: "node-1" });
      const pod = await told.admin.get("/api/v1/namespaces/shop/pods/trial-0");
      await told.cluster.deletePod("trial-0");
      return JSON.stringify(pod.spec).includes(POD_ENI) ? true : undefined;
    },
    60_000,
  );
}

/** Compares with the page, and with what the exit status has to be. */
function expectStory(heading: string, ...steps: readonly (readonly [Told, number])[]): void {
  for (const [{ stderr }] of steps) expect(stderr).toBe("");
  const transcript = transcriptOf(steps.map(([{ step }]): Step => step));
  expect(transcript).toBe(documented(PAGE, heading, transcript));
  // Of a pipe it is the status of its last command.
  expect(steps.map(([{ status }]) => status)).toEqual(steps.map(([, status]) => status));
}

async function said(name: string, reason: string, words: string): Promise<void> {
  await eventually(
    `${reason} of ${name}: ${words}`,
    async () => {
      const events = await told.admin.list<{
        reason: string;
        message: string;
        involvedObject: { name: string };
      }>("/api/v1/events");
      const found = events.some(
        (one) => one.involvedObject.name === name && one.reason === reason && one.message.includes(words),
      );
      return found ? true : undefined;
    },
    40_000,
  );
}

/** The commands that it printed. */
async function obeyAll({ stdout }: Told): Promise<void> {
  const lines = stdout.split("\n").filter((line) => line.trim().startsWith("aws ec2"));
  expect(lines).not.toEqual([]);
  for (const line of lines) await told.obey(line);
}

it("a DNS rule is missing, and the command that is printed mends it", async () => {
  await told.createRunning("web-0", { node: "node-1" });
  const before = await told.tell("branchline explain pod web-0 -n shop");
  await obeyAll(before);
  const after = await told.tell("branchline explain pod web-0 -n shop | tail -1");
  expectStory("A DNS rule is missing", [before, 1], [after, 0]);
});

it("a probe of a strict pod is not let in", async () => {
  const readinessProbe = { httpGet: { path: "/", port: 8080 } };
  await told.createRunning("probed-0", { node: "node-1", container: { readinessProbe } });
  const before = await told.tell("branchline explain pod probed-0 -n shop");
  await obeyAll(before);
  const after = await told.tell("branchline explain pod probed-0 -n shop | tail -1");
  expectStory("A probe fails under strict", [before, 1], [after, 0]);
});

it("a group of a policy was deleted", async () => {
  const gone = await told.createGroup("gone", vpc);
  await told.cluster.createPolicy("orders", { app: "orders" }, [gone]);
  await told.cluster.callEc2("DeleteSecurityGroup", { GroupId: gone });
  await told.createPod("orders-0", { node: "node-1", labels: { app: "orders" } });
  await said("orders-0", "BranchFailed", "InvalidGroup.NotFound");
  expectStory("A group was deleted", [await told.tell("branchline explain pod orders-0 -n shop"), 1]);
  await told.cluster.deletePod("orders-0");
});

it("a policy matched too late", async () => {
  await told.createPod("late-0", { node: "node-1", labels: { app: "late" } });
  await told.runs("late-0", await told.takeAddress(instance));
  // Times of the API server are to the second.
  await sleep(1_100);
  await told.cluster.createPolicy("late", { app: "late" }, [group("db")]);
  expectStory("A policy matched too late", [await told.tell("branchline explain pod late-0 -n shop"), 1]);
});

it("a VLAN id was given twice", async () => {
  // AWS's controller is known to: it is played here, with a branch that is real.
  const first = await told.createRunning("first-0", { node: "node-1" });
  const aws = ApiClient.of(await told.cluster.server.kubeconfigFor({ user: "eks:vpc-resource-controller" }));
  await told.admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "aws-controller" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "eks:vpc-resource-controller" }],
  });
  const { interfaces } = await told.cluster.dump();
  const subnet = interfaces.find(({ id }) => id === first.eniId)?.subnet ?? "";
  const made = await told.cluster.callEc2("CreateNetworkInterface", {
    SubnetId: subnet,
    "SecurityGroupId.1": group("db"),
  });
  const of = (name: string) => new RegExp(`<${name}>(.*?)<`).exec(made)?.[1] ?? "";
  await told.createPod("second-0", { node: "node-1", labels: { app: "db" } });
  const annotation = JSON.stringify([
    {
      eniId: of("networkInterfaceId"),
      ifAddress: of("macAddress"),
      privateIp: of("privateIpAddress"),
      vlanId: first.vlanId,
      subnetCidr: first.subnetCidr,
    },
  ]);
  await aws.patch("/api/v1/namespaces/shop/pods/second-0", "merge", {
    metadata: { annotations: { [POD_ENI]: annotation } },
  });
  expectStory("A VLAN id is held twice", [await told.tell("branchline explain pod second-0 -n shop"), 1]);
  await told.cluster.deletePod("second-0");
});

it("a subnet is full", async () => {
  const subnet = await idIn("CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.64.0/28" }, "subnetId");
  await addNode("node-2", "m5.large", subnet);
  await hasTrunk("node-2");
  await fill(subnet);
  await told.createPod("web-5", { node: "node-2" });
  await said("web-5", "BranchFailed", "InsufficientFreeAddressesInSubnet");
  expectStory("A subnet is full", [await told.tell("branchline explain pod web-5 -n shop"), 1]);
  await told.cluster.deletePod("web-5");
});

it("a quota is reached", async () => {
  const [first, second] = [
    ["web", "db", "a"],
    ["b", "c", "d"],
  ].map((names) => names.map(group));
  await told.cluster.createPolicy("audit", { audited: "yes" }, first ?? []);
  await told.cluster.createPolicy("ledger", { app: "ledger" }, second ?? []);
  await told.createPod("ledger-0", { node: "node-1", labels: { app: "ledger", audited: "yes" } });
  await said("ledger-0", "BranchFailed", "SecurityGroupsPerInterfaceLimitExceeded");
  expectStory("A quota is reached", [await told.tell("branchline explain pod ledger-0 -n shop"), 1]);
  await told.cluster.deletePod("ledger-0");
});

it("a node has no trunk", async () => {
  const { interfaces } = await told.cluster.dump();
  const subnet = interfaces.find(({ attachment }) => attachment?.instance === instance)?.subnet ?? "";
  await addNode("node-3", "t3.large", subnet);
  await told.createPod("web-6", { node: "node-3" });
  await said("node-3", "TrunkImpossible", "t3.large");
  await said("web-6", "BranchWaiting", "no trunk yet");
  await eventually("the CNINode says so", async () => {
    const { status } = await told.admin.get(`${CNI_NODES}/node-3`);
    return JSON.stringify(status ?? {}).includes("TrunkImpossible") ? true : undefined;
  });
  expectStory("A node without a trunk", [await told.tell("branchline explain pod web-6 -n shop"), 1]);
  await told.cluster.deletePod("web-6");
});

it("a NetworkPolicy is not enforced on a direct pod", async () => {
  await told.setEntry({ datapath: "direct" });
  await told.admin.create("/apis/apps/v1/namespaces/kube-system/daemonsets", {
    metadata: { name: "kube-router", labels: { "k8s-app": "kube-router" } },
    spec: {
      selector: { matchLabels: { "k8s-app": "kube-router" } },
      template: {
        metadata: { labels: { "k8s-app": "kube-router" } },
        spec: { containers: [{ name: "kube-router", image: "i" }] },
      },
    },
  });
  await told.admin.create("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", {
    metadata: { name: "only-web" },
    spec: {
      podSelector: { matchLabels: { app: "db" } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }],
    },
  });
  await told.createRunning("db-0", { node: "node-1", labels: { app: "db" } });
  expectStory("A NetworkPolicy on a direct pod", [await told.tell("branchline explain pod db-0 -n shop"), 1]);
  await told.admin.delete("/apis/apps/v1/namespaces/kube-system/daemonsets/kube-router");
  await told.setEntry(STRICT);
});

it("the webhook was down when the pod was made", async () => {
  await told.admin.create("/api/v1/namespaces/shop/serviceaccounts", {
    metadata: { name: "till", labels: { team: "till" } },
  });
  await told.admin.create(`${POLICIES}/shop/securitygrouppolicies`, {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "till" },
    spec: {
      serviceAccountSelector: { matchLabels: { team: "till" } },
      securityGroups: { groupIds: [group("db")] },
    },
  });
  await controller.end("SIGKILL");
  const uid = await told.createPod("till-0", { node: "node-1", labels: { app: "till" }, account: "till" });
  await using agent = startAgent();
  await eventually("the agent has answered", async () => {
    try {
      const { answer } = await askForBranch(
        path.join(scratch, "state"),
        { namespace: "shop", name: "till-0", uid },
        1_000,
      );
      return answer === "refused" ? true : undefined;
    } catch {
      return undefined;
    }
  });
  await said("till-0", "BranchRefused", "admitted without the webhook");
  expectStory("The webhook was down", [await told.tell("branchline explain pod till-0 -n shop"), 1]);
  void agent;
});

/** With the node's directories below one of the test's. */
function startAgent(): RunningAgent {
  for (const name of ["bin", "net.d"]) mkdirSync(path.join(scratch, name));
  return new RunningAgent({
    directory: scratch,
    node: "node-1",
    kubeconfig: told.cluster.server.adminKubeconfig,
    args: ["--trunk-mac", "02:00:00:00:00:11"],
  });
}

async function idIn(action: string, params: Readonly<Record<string, string>>, name: string): Promise<string> {
  const answer = await told.cluster.callEc2(action, params);
  return new RegExp(`<${name}>(.*?)<`).exec(answer)?.[1] ?? "";
}

async function addNode(name: string, type: string, subnet: string): Promise<void> {
  const id = await idIn(
    "RunInstances",
    {
      ImageId: "ami-0123456789abcdef0",
      MinCount: "1",
      MaxCount: "1",
      InstanceType: type,
      SubnetId: subnet,
      "SecurityGroupId.1": group("node"),
    },
    "instanceId",
  );
  await eventually(`${id} runs`, async () => {
    const { instances } = await told.cluster.dump();
    return instances.find((one) => one.id === id)?.state === "running" ? true : undefined;
  });
  await told.addNode(name, id, type);
  await told.cluster.declareFeature(name);
}

async function hasTrunk(node: string): Promise<void> {
  await eventually(
    `the trunk of ${node}`,
    async () => {
      const { status } = await told.admin.get(`/api/v1/nodes/${node}`);
      return JSON.stringify(status?.["capacity"]).includes(POD_ENI) ? true : undefined;
    },
    30_000,
  );
}

/** Interfaces until there is no address left. */
async function fill(subnet: string): Promise<void> {
  for (let i = 0; i < 16; i += 1) {
    try {
      await told.cluster.callEc2("CreateNetworkInterface", { SubnetId: subnet });
    } catch (error) {
      expect(String(error)).toContain("InsufficientFreeAddressesInSubnet");
      return;
    }
  }
  throw new Error(`${subnet} has more addresses than it can have`);
}
