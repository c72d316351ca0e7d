// The stories of docs/explain.md, made for real: an API server with the chart, a running controller, the simulated EC2, an
// agent. What the executable prints is what the page shows.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Report } from "../../src/explain/report.ts";
import { ApiClient, type KubernetesObject } from "../ground/kubernetes/client.ts";
import { kubectl } from "../ground/kubernetes/tools.ts";
import { eventually, sleep } from "../ground/run.ts";
import { askForBranch } from "./support/ask.ts";
import { RunningAgent } from "./support/running-agent.ts";
import type { RunningPart } from "./support/running-part.ts";
import { POD_ENI } from "./support/controlled-cluster.ts";
import { validator, type Validate } from "./support/schema.ts";
import { type Told, ToldCluster } from "./support/told-cluster.ts";
import { documented, type Step, transcriptOf } from "./support/transcript.ts";

const PAGE = "explain.md";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const DNS_PORTS = ["udp", "tcp"].map((name) => ({ name, port: 53, protocol: name.toUpperCase() }));
const STRICT = { datapath: "routed", podSGEnforcingMode: "strict", manageEarlyDemux: true };

let told: ToldCluster;
let controller: RunningPart;
let validate: Validate;
let scratch: string;
/** Of EC2, by whoever has made them. */
const calls: string[] = [];
let vpc: string;
let groups: ReadonlyMap<string, string>;
let instance: string;

const group = (name: string) => groups.get(name) ?? "";

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "explain-"));
  told = await ToldCluster.start(1, STRICT, (line) => {
    const { msg, action } = JSON.parse(line) as { readonly msg: string; readonly action?: string };
    if (msg === "call" && action !== undefined) calls.push(action);
  });
  const { cluster } = told;
  validate = await validator(cluster.admin, "explain");
  controller = told.admitted.controller();
  const { instances } = await cluster.dump();
  instance = instances[0]?.id ?? "";
  vpc = /<vpcId>(.*?)</.exec(await cluster.callEc2("DescribeVpcs", {}))?.[1] ?? "";
  await told.addNode("node-1", instance);
  await cluster.declareFeature("node-1");
  for (const name of ["a", "b", "c", "d"]) await told.createGroup(name, vpc);
  groups = new Map((await cluster.dump()).groups.map(({ name, id }) => [name, id]));
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

/** A namespace of its own for each story, but for the first, with a policy for pods of each app. */
async function policies(
  namespace: string,
  wanted: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  if (namespace !== "shop") await told.cluster.makeNamespace(namespace);
  for (const [app, ids] of Object.entries(wanted))
    await told.cluster.createPolicy(app, { app }, ids, namespace);
  // The API server's own policies know of it a moment later.
  for (const app of Object.keys(wanted)) await isSelected(namespace, { app });
}

async function isSelected(namespace: string, labels: Readonly<Record<string, string>>): Promise<void> {
  await eventually(
    `a pod in ${namespace} is given its limit`,
    async () => {
      const { status, body } = await told.admin.request(
        "POST",
        `/api/v1/namespaces/${namespace}/pods?dryRun=All`,
        {
          metadata: { name: "trial", labels },
          spec: { containers: [{ name: "c", image: "i" }] },
        },
      );
      return status === 201 && JSON.stringify((body as KubernetesObject).spec).includes(POD_ENI)
        ? true
        : undefined;
    },
    30_000,
  );
}

/** Compares with the page, and with what the exit status has to be: of a pipe it is that of its last command. */
async function expectStory(heading: string, ...steps: readonly (readonly [Told, number])[]): Promise<void> {
  for (const [{ stderr }] of steps) expect(stderr).toBe("");
  const transcript = transcriptOf(steps.map(([{ step }]): Step => step));
  expect(transcript).toBe(documented(PAGE, heading, transcript));
  expect(steps.map(([{ status }]) => status)).toEqual(steps.map(([, status]) => status));
  for (const [{ step }] of steps) await expectShape(step.command);
}

/** The same for scripts, whose last field is the text's last line, and which has the shape that is documented. */
async function expectShape(command: string): Promise<void> {
  const plain = command.replace(" | tail -1", "");
  const [text, json] = [await told.tell(plain), await told.tell(`${plain} -o json`)];
  const report = JSON.parse(json.stdout) as Report;
  expect([report.exit, report.line]).toEqual([text.status, text.stdout.trimEnd().split("\n").at(-1)]);
  expect(json.status).toBe(report.exit);
  expect(await validate(report)).toBeUndefined();
}

async function said(name: string, reason: string, words: string): Promise<void> {
  await eventually(
    `${reason} of ${name}: ${words}`,
    async () => {
      const events = await told.admin.list<Event>("/api/v1/events");
      const found = events.some(
        (one) => one.involvedObject.name === name && one.reason === reason && one.message.includes(words),
      );
      return found ? true : undefined;
    },
    40_000,
  );
}

interface Event {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
}

/** The commands that it printed. */
async function obeyAll({ stdout }: Told): Promise<void> {
  const lines = stdout.split("\n").filter((line) => line.trim().startsWith("aws ec2"));
  expect(lines).not.toEqual([]);
  for (const line of lines) await told.obey(line);
}

it("the schema refuses what is not in it, so that it is a check", async () => {
  expect(await validate({})).toContain("report.version: Required value");
  const { stdout } = await told.tell("branchline explain pod coredns-0 -n kube-system --no-ec2 -o json");
  const report = JSON.parse(stdout) as Report;
  expect(await validate(report)).toBeUndefined();
  expect(await validate({ ...report, more: 1 })).toContain('unknown field "report.more"');
  expect(await validate({ ...report, exit: 2 })).toContain("report.exit: Unsupported value: 2");
});

it("a DNS rule is missing, and the commands that are printed mend it", async () => {
  await policies("shop", { web: [group("web")], db: [group("db")] });
  await told.createRunning("web-0", { node: "node-1", namespace: "shop" });
  const before = await told.tell("branchline explain pod web-0 -n shop");
  await obeyAll(before);
  const after = await told.tell("branchline explain pod web-0 -n shop | tail -1");
  await expectStory("A DNS rule is missing", [before, 1], [after, 0]);
});

it("asks each API some ten times, and only for what the question needs", async () => {
  const user = "reader";
  await told.admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: user },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  });
  const kubeconfig = await told.cluster.server.kubeconfigFor({ user });
  calls.length = 0;
  const { status } = await told.tell("branchline explain pod web-0 -n shop", kubeconfig);
  expect(status).toBe(0);
  const requests = told.cluster.server
    .audited(user)
    .flatMap(({ verb, objectRef }) => (objectRef === undefined ? [] : [`${verb} ${objectRef.resource}`]));
  expect(requests.toSorted()).toEqual([
    "get cninodes",
    // The agent's, and kube-proxy's by its two names.
    "get configmaps",
    "get configmaps",
    "get configmaps",
    "get nodes",
    // CoreDNS's.
    "get pods",
    "get pods",
    "get services",
    "list daemonsets",
    "list endpointslices",
    "list events",
    // Of its node.
    "list pods",
    "list securitygrouppolicies",
  ]);
  // All ends are in one subnet. The controller may have described interfaces as well.
  expect([...new Set(calls)].toSorted()).toEqual([
    "DescribeInstances",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroupRules",
    "DescribeSecurityGroups",
  ]);
  expect(calls.length).toBeLessThanOrEqual(7);
});

it("a database does not let a pod in, and the command that is printed mends it", async () => {
  await told.createRunning("db-0", { node: "node-1", namespace: "shop", labels: { app: "db" } });
  const before = await told.tell("branchline explain pod web-0 -n shop --to-pod db-0:5432");
  await obeyAll(before);
  const after = await told.tell("branchline explain pod web-0 -n shop --to-pod db-0:5432 | tail -1");
  await expectStory("A database does not answer", [before, 1], [after, 0]);
});

it("a pod without a policy is not let in, and the policy that is printed mends it", async () => {
  const billing = { node: "node-1", namespace: "shop", labels: { app: "billing" } };
  await told.createPod("billing-0", billing);
  const address = await told.takeAddress(instance);
  await told.runs("billing-0", address);
  const question = "branchline explain pod billing-0 -n shop --to-pod db-0:5432";
  const before = await told.tell(question);
  // With what it offers, which it does only now.
  await expectShape(question);
  const [, manifest = ""] = /^kubectl apply -f - <<EOF\n(.*)^EOF$/ms.exec(before.stdout) ?? [];
  const kubeconfig = told.cluster.server.adminKubeconfig;
  const applied = await kubectl(["apply", "-f", "-"], { kubeconfig, input: manifest });
  expect([applied.status, applied.stderr]).toEqual([0, ""]);
  await isSelected("shop", { app: "billing" });
  // What the restart comes to: there is no StatefulSet, nor who would make its pods.
  await told.cluster.deletePod("billing-0", "shop");
  await told.createRunning("billing-0", billing);
  const after = await told.tell(`${question} | tail -1`);
  await expectStory("A database admits one group", [before, 1], [after, 0]);
});

it("a probe of a strict pod is not let in, and the command that is printed mends it", async () => {
  const readinessProbe = { httpGet: { path: "/", port: 8080 } };
  await policies("front", { web: [group("a")] });
  await told.createRunning("web-0", { node: "node-1", namespace: "front", container: { readinessProbe } });
  const before = await told.tell("branchline explain pod web-0 -n front --from-node");
  await obeyAll(before);
  const after = await told.tell("branchline explain pod web-0 -n front --from-node | tail -1");
  await expectStory("A probe fails in strict mode", [before, 1], [after, 0]);
});

it("a group of a policy was deleted", async () => {
  const gone = await told.createGroup("gone", vpc);
  await policies("orders", { orders: [gone] });
  await told.cluster.callEc2("DeleteSecurityGroup", { GroupId: gone });
  await told.createPod("orders-0", { node: "node-1", namespace: "orders", labels: { app: "orders" } });
  await said("orders-0", "BranchFailed", "InvalidGroup.NotFound");
  await expectStory("A group was deleted", [await told.tell("branchline explain pod orders-0 -n orders"), 1]);
  await told.cluster.deletePod("orders-0", "orders");
});

it("a policy matched too late", async () => {
  await policies("search", {});
  await told.createPod("search-0", { node: "node-1", namespace: "search", labels: { app: "search" } });
  await told.runs("search-0", await told.takeAddress(instance), "search");
  // Times of the API server are to the second.
  await sleep(1_100);
  await told.cluster.createPolicy("search", { app: "search" }, [group("db")], "search");
  await expectStory("A policy matched too late", [
    await told.tell("branchline explain pod search-0 -n search"),
    1,
  ]);
});

it("a VLAN id was given twice", async () => {
  await policies("stock", { stock: [group("web")], audit: [group("db")] });
  const first = await told.createRunning("stock-0", {
    node: "node-1",
    namespace: "stock",
    labels: { app: "stock" },
  });
  // AWS's controller is known to give one twice: it is played here, with a branch that is real.
  const aws = await awsController();
  const { interfaces } = await told.cluster.dump();
  const subnet = interfaces.find(({ id }) => id === first.eniId)?.subnet ?? "";
  const made = await told.cluster.callEc2("CreateNetworkInterface", {
    SubnetId: subnet,
    "SecurityGroupId.1": group("db"),
  });
  const of = (name: string) => new RegExp(`<${name}>(.*?)<`).exec(made)?.[1] ?? "";
  await told.createPod("audit-0", { node: "node-1", namespace: "stock", labels: { app: "audit" } });
  const annotation = {
    eniId: of("networkInterfaceId"),
    ifAddress: of("macAddress"),
    privateIp: of("privateIpAddress"),
    vlanId: first.vlanId,
    subnetCidr: first.subnetCidr,
  };
  await aws.patch("/api/v1/namespaces/stock/pods/audit-0", "merge", {
    metadata: { annotations: { [POD_ENI]: JSON.stringify([annotation]) } },
  });
  await expectStory("A VLAN id is held twice", [
    await told.tell("branchline explain pod audit-0 -n stock"),
    1,
  ]);
  await told.cluster.deletePod("audit-0", "stock");
});

it("a subnet is full", async () => {
  const subnet = await idIn("CreateSubnet", { VpcId: vpc, CidrBlock: "10.0.64.0/28" }, "subnetId");
  await addNode("node-2", "m5.large", subnet);
  await hasTrunk("node-2");
  await fill(subnet);
  await policies("media", { media: [group("web")] });
  await told.createPod("media-0", { node: "node-2", namespace: "media", labels: { app: "media" } });
  await said("media-0", "BranchFailed", "InsufficientFreeAddressesInSubnet");
  await expectStory("A subnet is full", [await told.tell("branchline explain pod media-0 -n media"), 1]);
  await told.cluster.deletePod("media-0", "media");
});

it("a quota is reached", async () => {
  const [first, second] = [
    ["web", "db", "a"],
    ["b", "c", "d"],
  ].map((names) => names.map(group));
  await policies("ledger", { ledger: first ?? [] });
  await told.cluster.createPolicy("audited", { audited: "yes" }, second ?? [], "ledger");
  await isSelected("ledger", { audited: "yes" });
  await told.createPod("ledger-0", {
    node: "node-1",
    namespace: "ledger",
    labels: { app: "ledger", audited: "yes" },
  });
  await said("ledger-0", "BranchFailed", "SecurityGroupsPerInterfaceLimitExceeded");
  await expectStory("A quota is reached", [await told.tell("branchline explain pod ledger-0 -n ledger"), 1]);
  await told.cluster.deletePod("ledger-0", "ledger");
});

it("a node has no trunk", async () => {
  const { interfaces } = await told.cluster.dump();
  const subnet = interfaces.find(({ attachment }) => attachment?.instance === instance)?.subnet ?? "";
  await addNode("node-3", "t3.large", subnet);
  await policies("reports", { reports: [group("web")] });
  await told.createPod("reports-0", { node: "node-3", namespace: "reports", labels: { app: "reports" } });
  await said("node-3", "TrunkImpossible", "t3.large");
  await said("reports-0", "BranchWaiting", "no trunk yet");
  await eventually("the CNINode says so", async () => {
    const { status } = await told.admin.get(`${CNI_NODES}/node-3`);
    return JSON.stringify(status ?? {}).includes("TrunkImpossible") ? true : undefined;
  });
  await expectStory("A node has no trunk", [
    await told.tell("branchline explain pod reports-0 -n reports"),
    1,
  ]);
  await told.cluster.deletePod("reports-0", "reports");
});

it("a NetworkPolicy is not enforced on a direct pod", async () => {
  await told.setEntry({ datapath: "direct" });
  await using _entry = disposing(() => told.setEntry(STRICT));
  const daemonSets = "/apis/apps/v1/namespaces/kube-system/daemonsets";
  const labels = { "k8s-app": "kube-router" };
  await told.admin.create(daemonSets, {
    metadata: { name: "kube-router", labels },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "kube-router", image: "i" }] } },
    },
  });
  await using _router = disposing(() => told.admin.delete(`${daemonSets}/kube-router`));
  await policies("data", { db: [group("db")] });
  await told.admin.create("/apis/networking.k8s.io/v1/namespaces/data/networkpolicies", {
    metadata: { name: "only-web" },
    spec: {
      podSelector: { matchLabels: { app: "db" } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }] }],
    },
  });
  await told.createRunning("db-0", { node: "node-1", namespace: "data", labels: { app: "db" } });
  await expectStory("A NetworkPolicy on a direct pod", [
    await told.tell("branchline explain pod db-0 -n data"),
    1,
  ]);
});

it("the webhook was down when the pod was made", async () => {
  await policies("till", {});
  await told.admin.create("/api/v1/namespaces/till/serviceaccounts", {
    metadata: { name: "cashier", labels: { team: "till" } },
  });
  await told.admin.create(`${POLICIES}/till/securitygrouppolicies`, {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "till" },
    spec: {
      serviceAccountSelector: { matchLabels: { team: "till" } },
      securityGroups: { groupIds: [group("db")] },
    },
  });
  // The last story: nobody gives pods their branches from now on.
  await controller.end("SIGKILL");
  const pod = { node: "node-1", namespace: "till", labels: { app: "till" }, account: "cashier" };
  const uid = await told.createPod("till-0", pod);
  await using _agent = startAgent();
  await eventually("the agent refuses it", async () => {
    try {
      const name = { namespace: "till", name: "till-0", uid };
      const { answer } = await askForBranch(path.join(scratch, "state"), name, 1_000);
      return answer === "refused" ? true : undefined;
    } catch {
      return undefined;
    }
  });
  await said("till-0", "BranchRefused", "admitted without the webhook");
  await expectStory("The webhook was down", [await told.tell("branchline explain pod till-0 -n till"), 1]);
});

function disposing(dispose: () => Promise<void>): AsyncDisposable {
  return { [Symbol.asyncDispose]: dispose };
}

/** A user that the guards know, with every right. */
async function awsController(): Promise<ApiClient> {
  const user = "eks:vpc-resource-controller";
  await told.admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "aws-controller" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  });
  return ApiClient.of(await told.cluster.server.kubeconfigFor({ user }));
}

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
      if (String(error).includes("InsufficientFreeAddressesInSubnet")) return;
      throw error;
    }
  }
  throw new Error(`${subnet} has more addresses than it can have`);
}
