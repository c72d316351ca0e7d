// `branchline doctor` against a real API server and the simulated EC2, with faults planted; and what a bundle leaves out.
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Report } from "../../src/doctor/json.ts";
import { eventually, run } from "../ground/run.ts";
import { CLUSTER, ControlledCluster, POD_ENI } from "./support/controlled-cluster.ts";
import { asked } from "./support/rights.ts";
import { validator } from "./support/schema.ts";

const OURS = path.resolve(import.meta.dirname, "../../dist/branchline");
const USER = "someone";
const AGENT = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
/** Planted where doctor looks, and never to be seen again. */
const SECRETS = {
  env: "hunter2-of-the-database",
  annotation: "note-to-self-4711",
  token: "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06In0.c2lnbmF0dXJl",
};

let cluster: ControlledCluster;
let kubeconfig: string;
let scratch: string;
let node: string;

async function doctor(args: readonly string[], as = cluster.server.adminKubeconfig) {
  return run([OURS, "doctor", "--kubeconfig", as, "--cluster-name", CLUSTER, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "AKIADOCTOR",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_ENDPOINT_URL_EC2: cluster.ec2,
      AWS_EC2_METADATA_DISABLED: "true",
    },
  });
}

async function report(args: readonly string[] = [], as?: string) {
  const { status, stdout, stderr } = await doctor(["-o", "json", ...args], as);
  if (stdout === "") throw new Error(stderr);
  const { checks, exit } = JSON.parse(stdout) as Report;
  expect(status).toBe(exit);
  return { exit, of: new Map(checks.map((check) => [check.code, check])) };
}

async function addAgent(name: string, image: string, isReady: boolean): Promise<void> {
  const pods = "/api/v1/namespaces/kube-system/pods";
  await cluster.admin.create(pods, {
    metadata: { name: `agent-${name}`, labels: AGENT },
    spec: { nodeName: name, hostNetwork: true, containers: [{ name: "agent", image }] },
  });
  if (isReady) await setReady(`${pods}/agent-${name}`);
}

async function setReady(pod: string, podIPs: readonly { readonly ip: string }[] = []): Promise<void> {
  const conditions = [{ type: "Ready", status: "True" }];
  const body = {
    status: { phase: "Running", conditions, podIPs, ...(podIPs[0] && { podIP: podIPs[0].ip }) },
  };
  const headers = { "content-type": "application/merge-patch+json" };
  const { status } = await cluster.admin.request("PATCH", `${pod}/status`, body, headers);
  expect(status).toBe(200);
}

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), "branchline-doctor-"));
  // Eleven addresses, of which the nodes, a trunk and branches take most.
  cluster = await ControlledCluster.start({ nodes: 3, cidr: "10.0.0.0/28" });
  node = await cluster.groupId("node");
  const web = await cluster.groupId("web");
  await cluster.createPolicy("web", { app: "web" }, [web]);
  const controller = cluster.controller();
  await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
  await cluster.createPod("web-0", { node: "n1" });
  const branch = await cluster.annotated("web-0");
  await cluster.addNode("n2", 1);
  await cluster.addNode("n3", 2);
  await eventually("the CNINode n3", async () => {
    const { status } = await cluster.admin.request("GET", "/apis/vpcresources.k8s.aws/v1alpha1/cninodes/n3");
    return status === 200 ? true : undefined;
  });
  // From now on nothing mends itself.
  await controller[Symbol.asyncDispose]();
  await plant(branch.vlanId, web);
  kubeconfig = await limited();
}, 60_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** The faults. */
async function plant(vlanId: number, web: string): Promise<void> {
  await addAgent("n1", "registry.example/branchline:0.1.0", true);
  await addAgent("n2", "registry.example/branchline:0.2.0", true);
  await addAgent("n3", "registry.example/branchline:0.1.0", false);
  // As n1's kubelet copies the capacity.
  const headers = { "content-type": "application/merge-patch+json" };
  const status = { allocatable: { [POD_ENI]: "9" } };
  await cluster.admin.request("PATCH", "/api/v1/nodes/n1/status", { status }, headers);
  // A node without a trunk.
  await cluster.declareFeature("n3");
  // Another pod with the same VLAN id.
  const annotation = [{ eniId: "eni-0bf8102e8bf0fa369", ifAddress: "02:78:59:8f:ee:b2", vlanId }];
  await cluster.createPod("web-1", {
    node: "n1",
    annotations: { [POD_ENI]: JSON.stringify(annotation), "example.com/note": SECRETS.annotation },
  });
  // CoreDNS behind the node's groups, which let nothing in.
  await cluster.createPod("coredns", {
    node: "n2",
    namespace: "kube-system",
    labels: { "k8s-app": "kube-dns" },
    wantsBranch: false,
  });
  await setReady("/api/v1/namespaces/kube-system/pods/coredns", [{ ip: "10.0.0.5" }]);
  // A webhook with nobody behind it.
  await cluster.admin.create("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", {
    metadata: { name: "branchline" },
    webhooks: [
      {
        name: "pods.branchline.dev",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Ignore",
        clientConfig: {
          service: { namespace: "kube-system", name: "branchline-controller" },
        },
        rules: [
          { apiGroups: ["none.example"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["x"] },
        ],
      },
    ],
  });
  // A branch of nobody, and one of a cluster of the same name in another VPC.
  await leak(await subnetId(), { "SecurityGroupId.1": web });
  await leak(await otherVpcsSubnet());
  // aws-node without MAX_ENI, and with what is nobody's business.
  await cluster.admin.create("/apis/apps/v1/namespaces/kube-system/daemonsets", {
    metadata: { name: "aws-node" },
    spec: {
      selector: { matchLabels: { "k8s-app": "aws-node" } },
      template: {
        metadata: { labels: { "k8s-app": "aws-node" } },
        spec: {
          containers: [
            {
              name: "aws-node",
              image: "registry.example/aws-node:1",
              env: [
                { name: "ENABLE_POD_ENI", value: "false" },
                { name: "DB_PASSWORD", value: SECRETS.env },
              ],
            },
          ],
        },
      },
    },
  });
  // A message that quotes a token.
  await cluster.admin.create("/api/v1/namespaces/shop/events", {
    metadata: { name: "web-0.1" },
    involvedObject: { kind: "Pod", namespace: "shop", name: "web-0", apiVersion: "v1" },
    source: { component: "branchline-agent" },
    type: "Warning",
    reason: "BranchLate",
    message: `GET /api: Bearer ${SECRETS.token}`,
    lastTimestamp: new Date().toISOString().replace(/\.\d+Z/, "Z"),
  });
}

function leak(subnet: string, groups: Readonly<Record<string, string>> = {}): Promise<unknown> {
  return cluster.callEc2("CreateNetworkInterface", {
    SubnetId: subnet,
    ...groups,
    "TagSpecification.1.ResourceType": "network-interface",
    "TagSpecification.1.Tag.1.Key": `kubernetes.io/cluster/${CLUSTER}`,
    "TagSpecification.1.Tag.1.Value": "owned",
    "TagSpecification.1.Tag.2.Key": "eks:eni:owner",
    "TagSpecification.1.Tag.2.Value": "eks-vpc-resource-controller",
  });
}

async function otherVpcsSubnet(): Promise<string> {
  const vpc = await cluster.callEc2("CreateVpc", { CidrBlock: "10.8.0.0/16" });
  const [vpcId = ""] = /vpc-[0-9a-f]+/.exec(vpc) ?? [];
  const subnet = await cluster.callEc2("CreateSubnet", { VpcId: vpcId, CidrBlock: "10.8.0.0/24" });
  return /subnet-[0-9a-f]+/.exec(subnet)?.[0] ?? "";
}

async function subnetId(): Promise<string> {
  return (await cluster.dump()).interfaces[0]?.subnet ?? "";
}

/** Whoever may list nodes and pods, and nothing else. */
async function limited(): Promise<string> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await cluster.admin.create(`${rbac}/clusterroles`, {
    metadata: { name: USER },
    rules: [{ apiGroups: [""], resources: ["nodes", "pods"], verbs: ["list"] }],
  });
  await cluster.admin.create(`${rbac}/clusterrolebindings`, {
    metadata: { name: USER },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: USER },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: USER }],
  });
  return cluster.server.kubeconfigFor({ user: USER });
}

it("finds what was planted, and says it in words", async () => {
  const { exit, of } = await report();
  expect(exit).toBe(1);
  const said = (code: string) => {
    const check = of.get(code);
    return [check?.result, check?.found, ...(check?.items ?? [])];
  };
  expect(said("BL002")).toEqual([
    "warning",
    "aws-node may attach interfaces until none is left for the trunk",
    "m5.large has 3 interfaces, and MAX_ENI is not set",
  ]);
  expect(said("BL003")).toEqual([
    "problem",
    "1 of 2 nodes with a ready agent, but not asking for a trunk",
    "node n2: its CNINode lacks the feature SecurityGroupsForPods",
  ]);
  expect(said("BL004").slice(0, 2)).toEqual(["problem", "1 of 2 nodes without the trunk that was asked for"]);
  expect(said("BL004")[2]).toContain("node n3: ");
  expect(said("BL005")).toEqual([
    "problem",
    "1 of 3 nodes without a ready agent",
    "node n3: its agent kube-system/agent-n3 is not ready",
  ]);
  expect(said("BL007")[0]).toBe("problem");
  expect(said("BL007")[2]).toBe("branchline/pods.branchline.dev: it has no certificate authority yet");
  expect(said("BL008").slice(0, 2)).toEqual(["problem", "5 of 5 guards missing or without effect"]);
  expect(said("BL012")[0]).toBe("problem");
  expect(said("BL012")[2]).toContain(`to ${node} of CoreDNS: no rule lets udp 53 in`);
  expect(said("BL018").slice(0, 2)).toEqual(["warning", "nearly full: 1 subnet with branches"]);
  expect(said("BL019").slice(0, 2)).toEqual(["warning", "1 of 2 branches belonging to no pod and no trunk"]);
  expect(said("BL020")[0]).toBe("problem");
  expect(said("BL020")[2]).toMatch(
    /^VLAN id \d+ of node n1: pod shop\/web-0 \(eni-\w+\) and pod shop\/web-1 \(eni-0bf8102e8bf0fa369\)$/,
  );
  expect(said("BL021").slice(0, 2)).toEqual(["warning", "agents and controllers have 2 images"]);
  expect(said("BL001")[0]).toBe("ok");
  expect(said("BL010")[0]).toBe("ok");
});

it("has the documented shape for scripts", async () => {
  const { stdout } = await doctor(["-o", "json"]);
  const validate = await validator(cluster.admin, "doctor");
  expect(await validate(JSON.parse(stdout) as Report)).toBeUndefined();
  expect(await validate({ ...(JSON.parse(stdout) as Report), more: 1 })).toContain(
    'unknown field "report.more"',
  );
});

it("prints for people, and one check if asked", async () => {
  const { status, stdout } = await doctor(["--check", "bl005", "--no-ec2"]);
  expect(status).toBe(1);
  expect(stdout).toContain("problem  BL005  Every node has an agent that is ready: 1 of 3 nodes");
  expect(stdout).toContain("To do: kubectl describe the agent's pod");
  expect(stdout).toContain("See docs/doctor.md#bl005");
  expect(stdout).toContain("1 problem, 0 warnings, 0 ok, 0 skipped, 0 unknown");
  expect(stdout).not.toContain("\u001b");
  const wrong = await doctor(["--check", "BL999"]);
  expect([wrong.status, wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toContain('--check "BL999" is none of BL001');
});

it("says which permission is missing, only reads, and asks no EC2 when told", async () => {
  const { exit, of } = await report(["--no-ec2"], kubeconfig);
  // What it may see has a problem.
  expect(exit).toBe(1);
  expect(of.get("BL005")?.result).toBe("problem");
  const { result, found } = of.get("BL008") ?? {};
  expect(result).toBe("unknown");
  expect(found).toContain("no permission for list validatingadmissionpolic");
  expect(of.get("BL018")).toMatchObject({ result: "skipped", found: "--no-ec2 was given" });
  const calm = await report(["--no-ec2", "--check", "BL008"], kubeconfig);
  expect(calm.exit).toBe(3);
  const { used } = asked(cluster.server, USER);
  expect(used).not.toEqual([]);
  expect(used.filter((words) => !/^(get|list) /.test(words))).toEqual([]);
});

it("says of a namespace that it looks at all, or that it is not there", async () => {
  const none = await doctor(["-n", "nope", "--check", "BL027", "--no-ec2"]);
  expect([none.status, none.stdout]).toEqual([3, ""]);
  expect(none.stderr).toBe('branchline: there is no namespace "nope"\n');
  const all = "branchline: doctor looks at the whole cluster, whatever -n says\n";
  const some = await doctor(["-n", "shop", "--check", "BL027", "--no-ec2"]);
  expect([some.stdout.slice(0, 2), some.stderr]).toEqual(["ok", all]);
  const unsure = await doctor(["-n", "nope", "--check", "BL027", "--no-ec2"], kubeconfig);
  expect([unsure.status, unsure.stderr]).toEqual([
    expect.any(Number),
    `${all}branchline: whether there is a namespace "nope" is not known: no permission for get namespaces\n`,
  ]);
  expect(unsure.stdout).toContain("BL027");
});

it("leaves secrets out of a bundle", async () => {
  const file = path.join(scratch, "bundle.json");
  const { status, stderr } = await doctor(["--bundle", file]);
  expect([status, stderr]).toEqual([1, `${file} is written: look at it before you publish it\n`]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, "utf8");
  for (const secret of Object.values(SECRETS)) expect(text).not.toContain(secret);
  expect(text).toContain("Bearer [taken out]".slice(7));
  // What is needed is there, and what could not be had says so: no kubelet has logs here.
  for (const word of [
    "web-1",
    "kube-system/agent-n3",
    "not read: ",
    "ENABLE_POD_ENI",
    "BL020",
    "eni-0bf8102e8bf0fa369",
  ])
    expect(text).toContain(word);
  const again = await doctor(["--bundle", file]);
  expect(again.status).toBe(2);
  expect(again.stderr).toContain("EEXIST");
});
