// The commands for people with the rights of deploy/rbac/people.yaml and deploy/iam/people.json: what they ask is allowed,
// and what they may ask one of them does.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, run } from "../ground/run.ts";
import { policyUse } from "../simulator/policy-use.ts";
import { CLUSTER, ControlledCluster } from "./support/controlled-cluster.ts";
import { Rights, asked } from "./support/rights.ts";

const DIST = path.resolve(import.meta.dirname, "../../dist");
const IAM = path.resolve(import.meta.dirname, "../../deploy/iam/people.json");
const KEY = "AKIAPEOPLE";
const SERVICES = "172.20.0.0/16";
const rights = new Rights("people.yaml");
const scratch = mkdtempSync(path.join(tmpdir(), "branchline-rights-"));
const merge = { "content-type": "application/merge-patch+json" };

/**
 * Each command as people call it, with all that it may look at. Another command is a line here.
 */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  status: ["status -A", "status -n shop", "status --node n1", "status --node n9", "status -n nope"],
  explain: [
    "explain pod web-0 -n shop",
    "explain pod web-0 -n shop --from-node --port 8080",
    "explain pod web-0 -n shop --to-pod kube-system/coredns:53",
    "explain pod web-0 -n shop --to kube-dns.kube-system:53",
    "explain pod web-0 -n shop --to 172.20.0.10:53",
    "explain pod web-0 -n shop --to 203.0.113.7:443",
    "explain pod waits -n shop",
    "explain pod nowhere -n shop",
    "explain pod wbe-0 -n shop",
    "explain pod web-0 -n nope",
  ],
  doctor: [
    `doctor --cluster-name ${CLUSTER}`,
    `doctor --cluster-name ${CLUSTER} -n nope`,
    `doctor --cluster-name ${CLUSTER} --bundle ${scratch}/bundle.json`,
  ],
};

let cluster: ControlledCluster;

async function setRunning(namespace: string, name: string, ip: string): Promise<void> {
  const at = new Date().toISOString().replace(/\.\d+Z/, "Z");
  const conditions = ["PodScheduled", "PodReadyToStartContainers", "Ready"].map((type) => ({
    type,
    status: "True",
    lastTransitionTime: at,
  }));
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions };
  await cluster.admin.request(
    "PATCH",
    `/api/v1/namespaces/${namespace}/pods/${name}/status`,
    { status },
    merge,
  );
}

async function callEc2(
  action: string,
  params: Readonly<Record<string, string>>,
  field: string,
): Promise<string> {
  const answer = await cluster.callEc2(action, params);
  return new RegExp(`<${field}>(.*?)<`).exec(answer)?.[1] ?? "";
}

/** Pods with and without a branch, what they are governed by, and what stands at the other ends of their paths. */
beforeAll(async () => {
  cluster = await ControlledCluster.start({
    nodes: 2,
    simulate: ["--iam-policy", IAM, "--iam-key", KEY],
    serve: [`--service-cluster-ip-range=${SERVICES}`],
  });
  const { admin } = cluster;
  await rights.apply(cluster.server);
  const web = await cluster.groupId("web");
  const list = await callEc2(
    "CreateManagedPrefixList",
    { PrefixListName: "partners", AddressFamily: "IPv4", MaxEntries: "3", "Entry.1.Cidr": "203.0.113.0/24" },
    "prefixListId",
  );
  await eventually("the prefix list is complete", async () => {
    const state = await callEc2("DescribeManagedPrefixLists", { "PrefixListId.1": list }, "state");
    return state === "create-complete" ? true : undefined;
  });
  await cluster.callEc2("AuthorizeSecurityGroupEgress", {
    GroupId: web,
    "IpPermissions.1.IpProtocol": "tcp",
    "IpPermissions.1.FromPort": "443",
    "IpPermissions.1.ToPort": "443",
    "IpPermissions.1.PrefixListIds.1.PrefixListId": list,
  });
  await cluster.createPolicy("web", { app: "web" }, [web]);
  await admin.create("/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies", {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "tills" },
    spec: {
      serviceAccountSelector: { matchLabels: { team: "till" } },
      securityGroups: { groupIds: [web] },
    },
  });
  await admin.create("/api/v1/namespaces/shop/serviceaccounts", { metadata: { name: "default" } });
  await addSystem();
  const controller = cluster.controller();
  await cluster.addNode("n1", 0);
  await cluster.declareFeature("n1");
  await cluster.addNode("n2", 1);
  await cluster.createPod("web-0", { node: "n1" });
  await setRunning("shop", "web-0", (await cluster.annotated("web-0")).privateIp);
  await cluster.createPod("waits", { node: "n2" });
  await cluster.createPod("nowhere", {});
  await controller[Symbol.asyncDispose]();
}, 120_000);

/** The agent with its entry, CoreDNS behind its Service, and what enforces NetworkPolicies. */
async function addSystem(): Promise<void> {
  const { admin } = cluster;
  const labels = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
  const calico = { "k8s-app": "calico-node" };
  const metadata = { name: "branchline-agent", labels };
  for (const own of [metadata, { name: "calico-node", labels: calico }])
    await admin.create("/apis/apps/v1/namespaces/kube-system/daemonsets", {
      metadata: own,
      spec: {
        selector: { matchLabels: own.labels },
        template: { metadata: { labels: own.labels }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
    });
  const data = { "entry.json": JSON.stringify({ datapath: "routed", serviceCIDRs: [SERVICES] }) };
  await admin.create("/api/v1/namespaces/kube-system/configmaps", { metadata, data });
  const system = [
    ["agent", labels],
    ["calico", calico],
    ["coredns", { "k8s-app": "kube-dns" }],
  ] as const;
  for (const [name, its] of system) {
    await cluster.createPod(name, { node: "n1", namespace: "kube-system", labels: its, wantsBranch: false });
    await setRunning("kube-system", name, "10.0.0.5");
  }
  const ports = [{ name: "dns", port: 53, protocol: "UDP" }];
  await admin.create("/api/v1/namespaces/kube-system/services", {
    metadata: { name: "kube-dns" },
    spec: { clusterIP: "172.20.0.10", ports },
  });
  await admin.create("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", {
    metadata: { name: "kube-dns-1", labels: { "kubernetes.io/service-name": "kube-dns" } },
    addressType: "IPv4",
    ports,
    endpoints: [
      {
        addresses: ["10.0.0.5"],
        conditions: { ready: true },
        targetRef: { kind: "Pod", namespace: "kube-system", name: "coredns" },
      },
    ],
  });
  await admin.create("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", {
    metadata: { name: "web" },
    spec: { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{}] },
  });
}

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

/** Whoever has been given the rights, for the cluster and for the logs. */
async function person(user: string): Promise<string> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const bindings = [
    [`${rbac}/clusterrolebindings`, "ClusterRole"],
    [`${rbac}/namespaces/kube-system/rolebindings`, "Role"],
  ] as const;
  for (const [place, kind] of bindings)
    await cluster.admin.create(place, {
      metadata: { name: user },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: "branchline-people" },
      subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }],
    });
  return cluster.server.kubeconfigFor({ user });
}

async function tell(line: string, kubeconfig: string) {
  return run(["sh", "-c", `branchline ${line}`], {
    timeout: 120_000,
    env: {
      PATH: `${DIST}:${process.env["PATH"] ?? ""}`,
      KUBECONFIG: kubeconfig,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: KEY,
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_ENDPOINT_URL_EC2: cluster.ec2,
      AWS_EC2_METADATA_DISABLED: "true",
    },
  });
}

const used = new Set<string>();

it.each(Object.entries(COMMANDS))(
  "%s has all the rights that it needs",
  async (name, lines) => {
    const kubeconfig = await person(name);
    for (const line of lines) {
      const { status, stdout, stderr } = await tell(line, kubeconfig);
      // It has looked, and nobody has refused it anything.
      expect([line, status === 0 || status === 1 || status === 3, stderr]).toEqual([line, true, stderr]);
      expect(`${line}: ${stdout}${stderr}`).not.toMatch(/no permission/);
    }
    const { used: its, forbidden } = asked(cluster.server, name);
    expect(forbidden).toEqual([]);
    for (const words of its) used.add(words);
    expect((await policyUse(cluster)).refused).toEqual([]);
  },
  300_000,
);

it("none is left that no command needs", async () => {
  expect([...used].toSorted()).toEqual(rights.granted());
  expect((await policyUse(cluster)).unused).toEqual([]);
});

it("none is of Secrets, and none changes anything", () => {
  expect(
    rights.granted().filter((words) => !/^(get|list) /.test(words) || words.includes("secrets")),
  ).toEqual([]);
  const { Statement } = JSON.parse(readFileSync(IAM, "utf8")) as {
    Statement: { Action: string | string[] }[];
  };
  const actions = Statement.flatMap(({ Action }) => Action);
  expect(actions.filter((action) => !/^ec2:(Describe|Get)/.test(action))).toEqual([]);
});
