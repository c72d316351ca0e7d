// `branchline status` against a real API server and the simulated EC2, with faults planted, and by people who may not see all.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl } from "../ground/kubernetes/tools.ts";
import { eventually, run } from "../ground/run.ts";
import { type AnnotatedBranch, ControlledCluster } from "./support/controlled-cluster.ts";
import { asked } from "./support/rights.ts";
import { validator } from "./support/schema.ts";

const OURS = path.resolve(import.meta.dirname, "../../dist/branchline");
const AGENT = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
const merge = { "content-type": "application/merge-patch+json" };

interface Report {
  readonly exit: number;
  readonly problems: readonly { kind: string; object: { name: string }; message: string; severity: string }[];
  readonly unknown: readonly { what: string; reason: string; permission?: string }[];
  readonly nodes: readonly { name: string; trunk?: string; agent: string; slots: object }[];
  readonly pods: readonly {
    name: string;
    state: string;
    why?: string;
    groups?: readonly { name?: string }[];
  }[];
  readonly policies?: readonly { name: string }[];
}

const scratch = mkdtempSync(path.join(tmpdir(), "branchline-status-"));
let cluster: ControlledCluster;
let web: string;
let branch: AnnotatedBranch;

interface As {
  readonly kubeconfig?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function status(args: readonly string[], { kubeconfig, env }: As = {}) {
  return run([OURS, "status", "--kubeconfig", kubeconfig ?? cluster.server.adminKubeconfig, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "AKIASTATUS",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_ENDPOINT_URL_EC2: cluster.ec2,
      AWS_EC2_METADATA_DISABLED: "true",
      ...env,
    },
  });
}

async function report(args: readonly string[], as?: As): Promise<Report> {
  const { status: exit, stdout, stderr } = await status([...args, "-o", "json"], as);
  if (stdout === "") throw new Error(stderr);
  const said = JSON.parse(stdout) as Report;
  expect(exit).toBe(said.exit);
  return said;
}

const problems = ({ problems: all }: Report) =>
  all.map(({ kind, object, message }) => `${kind} ${object.name}: ${message}`).toSorted();

async function setStatus(name: string, body: object, namespace = "shop"): Promise<void> {
  const url = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
  const { status: code } = await cluster.admin.request("PATCH", url, { status: body }, merge);
  expect(code).toBe(200);
}

const running = (ip: string) => ({
  phase: "Running",
  podIP: ip,
  podIPs: [{ ip }],
  conditions: [
    { type: "Ready", status: "True" },
    { type: "PodReadyToStartContainers", status: "True", lastTransitionTime: "2100-01-01T00:00:00Z" },
  ],
});

async function addAgent(node: string, isReady: boolean): Promise<void> {
  const name = `agent-${node}`;
  await cluster.createPod(name, { node, namespace: "kube-system", labels: AGENT, wantsBranch: false });
  if (isReady) await setStatus(name, running("10.0.0.4"), "kube-system");
}

/** The agent's DaemonSet with its entry, as the chart makes them. */
async function addEntry(): Promise<void> {
  const metadata = { name: "branchline-agent", labels: AGENT };
  await cluster.admin.create("/apis/apps/v1/namespaces/kube-system/daemonsets", {
    metadata,
    spec: {
      selector: { matchLabels: AGENT },
      template: { metadata: { labels: AGENT }, spec: { containers: [{ name: "agent", image: "i" }] } },
    },
  });
  const entry = { datapath: "routed", podSGEnforcingMode: "standard", allowDatapathOverride: true };
  await cluster.admin.create("/api/v1/namespaces/kube-system/configmaps", {
    metadata,
    data: { "entry.json": JSON.stringify(entry) },
  });
}

beforeAll(async () => {
  cluster = await ControlledCluster.start({ nodes: 3 });
  web = await cluster.groupId("web");
  await cluster.createPolicy("web", { app: "web" }, [web]);
  await cluster.createPolicy("none", { app: "nobody" }, [web]);
  await cluster.admin.create("/api/v1/namespaces", { metadata: { name: "nothing" } });
  await addEntry();
  await addAgent("n1", true);
  await addAgent("n2", false);
  const controller = cluster.controller();
  await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
  await cluster.addNode("n2", 1);
  await cluster.createPod("web-0", { node: "n1" });
  branch = await cluster.annotated("web-0");
  await setStatus("web-0", running(branch.privateIp));
  await cluster.createPod("own", { node: "n1", annotations: { "branchline.dev/datapath": "direct" } });
  await setStatus("own", running((await cluster.annotated("own")).privateIp));
  await cluster.createPod("late", { node: "n1" });
  await cluster.annotated("late");
  await setStatus("late", running("10.0.9.9"));
  await cluster.createPod("waits", { node: "n2" });
  await eventually("waits is told why", async () => {
    const events = await cluster.admin.list<{ reason: string; involvedObject: { name: string } }>(
      "/api/v1/namespaces/shop/events",
    );
    return events.some(({ involvedObject }) => involvedObject.name === "waits") ? true : undefined;
  });
  const trunk = await eventually("the CNINode n1 names its branches", async () => {
    const { body } = await cluster.admin.request("GET", "/apis/vpcresources.k8s.aws/v1alpha1/cninodes/n1");
    const { trunkInterface } =
      (body as { status?: { trunkInterface?: { id: string; branches?: readonly unknown[] } } }).status ?? {};
    return trunkInterface?.branches?.length === 3 ? trunkInterface.id : undefined;
  });
  if (!trunk.startsWith("eni-")) throw new Error(`no trunk: "${trunk}"`);
  // From now on nothing mends itself.
  await controller[Symbol.asyncDispose]();
  await cluster.createPod("bare", { node: "n1", wantsBranch: false });
  await setStatus("bare", running("10.0.9.8"));
  await cluster.createPod("else", { node: "n1", wantsBranch: false, labels: { app: "else" } });
  await cluster.makeNamespace("other");
  await cluster.createPolicy("gone", { app: "web" }, ["sg-0123456789abcdef0"], "other");
}, 120_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

/** A user with these rights: of the cluster, or of one namespace. */
async function userWith(name: string, rules: readonly object[], namespace?: string): Promise<string> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const place = namespace === undefined ? `${rbac}/cluster` : `${rbac}/namespaces/${namespace}/`;
  const kind = namespace === undefined ? "ClusterRole" : "Role";
  await cluster.admin.create(`${place}roles`, { metadata: { name }, rules });
  await cluster.admin.create(`${place}rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name }],
  });
  return cluster.server.kubeconfigFor({ user: name });
}

it("shows a cluster: what is wrong, nodes, pods, policies", async () => {
  const said = await report(["-A"]);
  expect(problems(said)).toEqual([
    "AgentNotReady n2: its agent is not ready",
    "GroupMissing gone: EC2 has no security group sg-0123456789abcdef0",
    "PodWithoutBranch bare: a policy selects it, and it asks for no branch, so it has the groups of its node",
    expect.stringMatching(/^PodWithoutBranch late: its address 10\.0\.9\.9 is not its branch's/),
    "PolicyCoversNothing gone: it selects no pod",
    "PolicyCoversNothing none: it selects no pod",
  ]);
  expect([said.exit, said.unknown]).toEqual([1, []]);
  expect(said.nodes).toEqual([
    {
      name: "n1",
      instance: expect.stringMatching(/^i-/),
      instanceType: "m5.large",
      ready: expect.any(Boolean),
      trunk: expect.stringMatching(/^eni-/),
      slots: { total: 9, used: 3, cooling: 0, warm: 0, free: 6 },
      agent: "ready",
    },
    expect.objectContaining({ name: "n2", slots: { total: 9, used: 0, free: 9 }, agent: "not-ready" }),
  ]);
  const pod = (name: string) => said.pods.find((one) => one.name === name);
  expect(pod("web-0")).toEqual({
    namespace: "shop",
    name: "web-0",
    node: "n1",
    state: "attached",
    branch: { eni: branch.eniId, vlan: branch.vlanId },
    groups: [{ id: web, name: "web" }],
    groupsFrom: "ec2",
    wantedGroups: [{ id: web, name: "web" }],
    policies: ["web"],
    datapath: "routed",
    mode: "standard",
    waitedSeconds: expect.any(Number),
  });
  expect(pod("own")).toMatchObject({ datapath: "direct", state: "attached" });
  expect(pod("waits")).toMatchObject({
    state: "waiting",
    why: expect.stringMatching(/^BranchWaiting: .*n2/),
  });
  expect(said.pods.map(({ name }) => name)).toEqual(["bare", "late", "own", "waits", "web-0"]);
  expect(said.policies).toEqual([
    expect.objectContaining({ name: "gone", matched: 0 }),
    expect.objectContaining({ name: "none", matched: 0 }),
    {
      namespace: "shop",
      name: "web",
      groups: [{ id: web, name: "web" }],
      matched: 5,
      applied: 2,
      pending: 1,
      uncovered: 2,
    },
  ]);
});

it("has the documented shape for scripts", async () => {
  const validate = await validator(cluster.admin, "status");
  for (const args of [["-A"], ["-n", "shop"], ["--node", "n1"], ["-A", "--no-ec2"], ["-n", "nothing"]]) {
    const said = await report(args);
    expect([args, await validate(said)]).toEqual([args, undefined]);
    expect(await validate({ ...said, more: 1 })).toContain('unknown field "report.more"');
  }
});

it("has it on a node too", async () => {
  const { stdout } = await run([OURS, "status", "--local", "--state-dir", scratch, "-o", "json"]);
  const validate = await validator(cluster.admin, "status", "nodestatus");
  expect(await validate(JSON.parse(stdout) as object)).toBeUndefined();
});

it("prints for people", async () => {
  const { status: exit, stdout, stderr } = await status(["-n", "shop"]);
  expect([exit, stderr]).toEqual([1, ""]);
  expect(stdout).not.toContain("\u001b");
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toBe(
    "problem  Pods with the groups of their node (2): branchline explain pod NAME says why; delete the pod",
  );
  // Of a namespace nobody says which slots are used.
  expect(stdout).toMatch(/^n1 {4}m5\.large {2}eni-\w+ {2}9 {6}\? {5}\? {8}6 {5}0 {5}ready$/m);
  expect(stdout).toMatch(
    new RegExp(
      `^web-0 +n1 +attached +${branch.eniId} +${branch.vlanId} +${web} \\(web\\) +routed standard +\\d`,
      "m",
    ),
  );
  expect(lines.at(-1)).toBe(
    "2 nodes, 5 pods with a branch, or to have one, 2 policies in namespace shop (-A: all): 3 problems, 1 warning",
  );
});

it("shows one node and what is on it, of whatever namespace", async () => {
  const said = await report(["--node", "n1"]);
  expect(said.nodes.map(({ name }) => name)).toEqual(["n1"]);
  expect(said.nodes[0]).toMatchObject({ slots: { total: 9, used: 3, cooling: 0, warm: 0, free: 6 } });
  expect(said.pods.map(({ name }) => name)).toEqual(["bare", "late", "own", "web-0"]);
  expect(said.policies).toBeUndefined();
});

it("of what is not there says so, and that it could not look", async () => {
  for (const [args, words] of [
    [["--node", "n9"], 'there is no node "n9"; did you mean "n1"?'],
    [["--node", "database"], 'there is no node "database"'],
    [["-n", "nope"], 'there is no namespace "nope"'],
    [["-n", "nope", "--node", "n1"], 'there is no namespace "nope"'],
    [["-n", "nope", "--no-ec2", "-o", "json"], 'there is no namespace "nope"'],
  ] as const) {
    const none = await status(args);
    expect([args, none.status, none.stdout]).toEqual([args, 3, ""]);
    expect(none.stderr).toBe(`branchline: ${words}\n`);
  }
});

it("of a namespace that the kubeconfig names, and that is not there, says who names it", async () => {
  const kubeconfig = path.join(scratch, "elsewhere");
  const text = readFileSync(cluster.server.adminKubeconfig, "utf8");
  writeFileSync(kubeconfig, text);
  const args = ["config", "set-context", "--current", "--namespace=gone"];
  expect((await kubectl(args, { kubeconfig })).status).toBe(0);
  const none = await status([], { kubeconfig });
  expect([none.status, none.stderr]).toEqual([
    3,
    'branchline: there is no namespace "gone", which the kubeconfig\'s context names; -n gives another one, -A all\n',
  ]);
});

it("of nothing says that there is nothing", async () => {
  const { status: exit, stdout } = await status(["-n", "nothing"]);
  expect(stdout).toContain(
    "0 nodes, 0 pods with a branch, or to have one, 0 policies in namespace nothing (-A: all): ",
  );
  // The nodes' agents are everybody's.
  expect(exit).toBe(1);
});

describe("without EC2", () => {
  it("has the groups that the controller says, and knows no names", async () => {
    const said = await report(["-A", "--no-ec2"]);
    expect(said.unknown).toEqual([{ what: "EC2", reason: "skipped", message: "--no-ec2 was given" }]);
    const pod = said.pods.find(({ name }) => name === "web-0");
    expect(pod).toMatchObject({ groups: [{ id: web }], groupsFrom: "cninode" });
    expect(problems(said).filter((line) => line.startsWith("Group"))).toEqual([]);
  });

  it("says that there are no credentials, and what to do", async () => {
    const env = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", HOME: "/nowhere" };
    const { status: exit, stdout, stderr } = await status(["-n", "nothing", "--node", "n1"], { env });
    expect([exit, stderr]).toEqual([3, ""]);
    expect(stdout).toMatch(/no credentials for EC2: .*--no-ec2/);
  });

  it("says that EC2 does not answer", async () => {
    const said = await report(["-A"], { env: { AWS_ENDPOINT_URL_EC2: "http://127.0.0.1:1" } });
    expect(said.unknown.map(({ reason }) => reason)).toEqual(["failed", "failed"]);
    expect(said.pods.find(({ name }) => name === "web-0")).toMatchObject({ groupsFrom: "cninode" });
  });

  it("has no Region, and says how to give one", async () => {
    const { stdout } = await status(["-A"], { env: { AWS_REGION: "" } });
    expect(stdout).toContain("the Region is not known: give --region or AWS_REGION");
    const odd = await status(["-A", "--region", "us-east-1a"]);
    expect([odd.status, odd.stdout]).toEqual([2, ""]);
    expect(odd.stderr).toContain('--region says "us-east-1a", which is no Region');
  });
});

describe("for people who may not see all", () => {
  const list = (group: string, ...resources: readonly string[]) => ({
    apiGroups: [group],
    resources,
    verbs: ["list"],
  });

  it("without pods shows nodes and policies, and names the permission", async () => {
    const kubeconfig = await userWith("no-pods", [
      list("", "nodes"),
      list("vpcresources.k8s.aws", "cninodes", "securitygrouppolicies"),
    ]);
    const said = await report(["-A", "--no-ec2"], { kubeconfig });
    expect(said.exit).toBe(3);
    expect(said.unknown.flatMap(({ permission }) => permission ?? [])).toEqual(
      expect.arrayContaining(["list pods", "list daemonsets.apps"]),
    );
    expect(said.nodes.map(({ name, agent, slots }) => [name, agent, slots])).toEqual([
      ["n1", "unknown", { total: 9, warm: 0, free: 6 }],
      ["n2", "unknown", { total: 9 }],
    ]);
    expect(said.policies?.map((policy) => "matched" in policy)).toEqual([false, false, false]);
    expect(said.problems).toEqual([]);
    const { stdout } = await status(["-A", "--no-ec2"], { kubeconfig });
    expect(stdout).toContain("pods not read: no permission for list pods");
  });

  it("with one namespace shows its pods and policies, and what it does not know of the nodes", async () => {
    const rules = [list("", "pods", "events"), list("vpcresources.k8s.aws", "securitygrouppolicies")];
    const kubeconfig = await userWith("shopper", rules, "shop");
    const said = await report(["-n", "shop", "--no-ec2"], { kubeconfig });
    expect(said.pods.map(({ name }) => name)).toEqual(["bare", "late", "own", "waits", "web-0"]);
    expect(said.nodes).toEqual([]);
    expect(said.unknown.flatMap(({ permission }) => permission ?? [])).toEqual(
      expect.arrayContaining(["list nodes", "list cninodes.vpcresources.k8s.aws", "list pods"]),
    );
    // What it sees is wrong.
    expect(said.exit).toBe(1);
    const all = await status(["-A", "--no-ec2"], { kubeconfig });
    expect([all.status, all.stdout]).toEqual([3, ""]);
    expect(all.stderr).toContain("pods not read: no permission for list pods");
  });

  it("fails for no namespace of which nobody may say whether it is there, and says so", async () => {
    const rules = [list("", "pods"), list("vpcresources.k8s.aws", "securitygrouppolicies")];
    const kubeconfig = await userWith("lister", [...rules, list("", "nodes")]);
    const said = await status(["-n", "nope", "--no-ec2"], { kubeconfig });
    // The nodes' agents are everybody's.
    expect([said.status, said.stderr]).toEqual([
      1,
      'branchline: whether there is a namespace "nope" is not known: no permission for get namespaces\n',
    ]);
    expect(said.stdout).toContain("0 pods with a branch, or to have one, 0 policies in namespace nope");
    // What is there says that it is.
    expect((await status(["-n", "shop", "--no-ec2"], { kubeconfig })).stderr).toBe("");
  });

  it("only reads", async () => {
    for (const user of ["no-pods", "shopper", "lister"]) {
      const { used } = asked(cluster.server, user);
      expect(used.filter((words) => !/^(get|list) /.test(words))).toEqual([]);
    }
  });
});

it("of an API server that is not there says so in a line, at once", async () => {
  const begun = Date.now();
  const kubeconfig = path.join(scratch, "away");
  const text = readFileSync(cluster.server.adminKubeconfig, "utf8");
  writeFileSync(kubeconfig, text.replace(/https:\/\/127\.0\.0\.1:\d+/, "https://127.0.0.1:1"));
  const { status: exit, stdout, stderr } = await status(["-A"], { kubeconfig });
  expect([exit, stdout]).toEqual([3, ""]);
  expect(stderr).toContain("ECONNREFUSED");
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(Date.now() - begun).toBeLessThan(20_000);
});

it("of a cluster without our CRDs says what is not there", async () => {
  await using bare = await ControlledCluster.start({ nodes: 1, crds: false });
  await bare.addNode("n1", 0);
  await bare.createPod("web-0", { node: "n1", wantsBranch: false });
  const { status: exit, stdout } = await run(
    [OURS, "status", "-A", "--no-ec2", "--kubeconfig", bare.server.adminKubeconfig],
    { env: { PATH: process.env["PATH"] ?? "" } },
  );
  expect(exit).toBe(3);
  expect(stdout).toContain("the API server serves no securitygrouppolicies.vpcresources.k8s.aws");
  expect(stdout).toContain(
    "1 node, 0 pods with a branch, or to have one, 0 policies in all namespaces: no problems",
  );
});
