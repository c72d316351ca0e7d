// The controller with the rights of deploy/rbac/controller.yaml and the policies of deploy/iam: what it asks is allowed, and
// what it may do it does.
import path from "node:path";
import { it } from "vitest";
import { eventually } from "../ground/run.ts";
import { policyUse } from "../simulator/policy-use.ts";
import { ControlledCluster, POD_ENI } from "./support/controlled-cluster.ts";
import { attachTrunk, giveBranch } from "./support/eks-controller.ts";
import { Rights, asked } from "./support/rights.ts";

const IAM = path.resolve(import.meta.dirname, "../../deploy/iam");
const USER = "system:serviceaccount:kube-system:branchline-controller";
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";
const TAINT = "branchline.dev/agent-not-ready";
const TEST_MS = 600_000;
/** Far more than it takes on a busy machine. */
const SOON_MS = 120_000;
/** A leader on a busy machine has to be able to keep it. */
const LEASE = ["--lease-duration", "10s"];

function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  return eventually(what, look, SOON_MS);
}

const rights = new Rights("controller.yaml");

/** A cluster in which the controller's access key may do what the policy says, and its service account what the file says. */
async function limitedCluster(policy: string): Promise<ControlledCluster> {
  const cluster = await ControlledCluster.start({
    nodes: 2,
    simulate: ["--iam-policy", path.join(IAM, policy), "--iam-key", "AKIACONTROLLER"],
  });
  await rights.apply(cluster.server);
  await makeEniConfigs(cluster);
  return cluster;
}

/** Of aws-node, which is not here. */
async function makeEniConfigs({ admin }: ControlledCluster): Promise<void> {
  const schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  await admin.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: "eniconfigs.crd.k8s.amazonaws.com" },
    spec: {
      group: "crd.k8s.amazonaws.com",
      scope: "Cluster",
      names: { plural: "eniconfigs", singular: "eniconfig", kind: "ENIConfig" },
      versions: [{ name: "v1alpha1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  });
  await soon("ENIConfigs are served", async () =>
    (await admin.request("GET", "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs")).status === 200
      ? true
      : undefined,
  );
}

interface Node {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly taints?: readonly { readonly key: string }[] };
  readonly status: { readonly capacity: Readonly<Record<string, string>> };
}

async function nodeOf({ admin }: ControlledCluster): Promise<Node> {
  return (await admin.request("GET", "/api/v1/nodes/n1")).body as Node;
}

async function branchOf(cluster: ControlledCluster, pod: string) {
  const { interfaces } = await cluster.dump();
  return interfaces.find(({ tags }) =>
    tags.some(({ key, value }) => key === "branchline.dev/pod" && value === `shop/${pod}`),
  );
}

async function makeReadyAgent(cluster: ControlledCluster): Promise<void> {
  const labels = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
  await cluster.createPod("agent", { node: "n1", namespace: "kube-system", labels, wantsBranch: false });
  const status = { conditions: [{ type: "Ready", status: "True" }] };
  const place = "/api/v1/namespaces/kube-system/pods/agent/status";
  const type = { "content-type": "application/merge-patch+json" };
  await cluster.admin.request("PATCH", place, { status }, type);
}

/** As the agent writes it of a pod that it has refused. */
async function refuse(cluster: ControlledCluster, name: string, uid: string | undefined): Promise<void> {
  await cluster.admin.create("/api/v1/namespaces/shop/events", {
    metadata: { name: `${name}.refused` },
    involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "shop", name, uid },
    type: "Warning",
    reason: "BranchRefused",
    message: "a policy selects it",
    source: { component: "branchline-agent", host: "n1" },
  });
}

it.concurrent(
  "standalone: everything that it does is allowed, and everything that it may do it does",
  async ({ expect }) => {
    await using cluster = await limitedCluster("controller.json");
    const { admin } = cluster;
    const [web, db] = [await cluster.groupId("web"), await cluster.groupId("db")];
    await cluster.createPolicy("web", { app: "web" }, [web]);
    const instance = await cluster.addNode("n1", 0);
    await admin.patch("/api/v1/nodes/n1", "merge", {
      spec: { taints: [{ key: TAINT, effect: "NoSchedule" }] },
    });
    const { metadata: old } = await admin.create(CNI_NODES, {
      apiVersion: "vpcresources.k8s.aws/v1alpha1",
      kind: "CNINode",
      metadata: { name: "n1", annotations: { "branchline.dev/instance-id": "i-0123456789abcdef0" } },
    });
    const kubeconfig = await cluster.server.kubeconfigOf("kube-system", "branchline-controller");
    const first = cluster.controller(["--cooldown", "30s", ...LEASE], kubeconfig);

    await soon("the CNINode is the new instance's", async () => {
      const { status, body } = await admin.request("GET", `${CNI_NODES}/n1`);
      const { metadata } = body as { metadata: { uid: string; annotations?: Record<string, string> } };
      if (status !== 200 || metadata.uid === old.uid) return undefined;
      return metadata.annotations?.["branchline.dev/instance-id"] === instance ? true : undefined;
    });
    await cluster.declareFeature("n1");
    await makeReadyAgent(cluster);
    await soon("the taint is gone", async () =>
      (await nodeOf(cluster)).spec.taints?.some(({ key }) => key === TAINT) === true ? undefined : true,
    );
    await soon("the capacity", async () =>
      (await nodeOf(cluster)).status.capacity[POD_ENI] === "9" ? true : undefined,
    );

    // The policy changes while a branch is being made, so that its groups have to be changed before it is given.
    await cluster.post("faults", {
      action: "AssociateTrunkInterface",
      code: "InternalError",
      status: 500,
      count: 1000,
    });
    await cluster.createPod("one", { node: "n1" });
    await soon("the branch of one", () => branchOf(cluster, "one"));
    await admin.patch(`${POLICIES}/web`, "merge", { spec: { securityGroups: { groupIds: [db] } } });
    await cluster.createPod("two", { node: "n1" });
    const two = await soon("the branch of two", () => branchOf(cluster, "two"));
    // The cache lags behind only for moments; then two's groups are to be changed, too.
    expect([web, db]).toContain(two.groups[0]);
    await soon("the controller has the policy", async () => {
      const name = `probe-${Date.now()}`;
      await cluster.createPod(name, { node: "n1" });
      const probe = await soon(`the branch of ${name}`, () => branchOf(cluster, name));
      await cluster.deletePod(name);
      return probe.groups[0] === db ? true : undefined;
    });
    await cluster.clearFaults();
    const branch = await cluster.annotated("one", "shop", SOON_MS);
    expect((await branchOf(cluster, "one"))?.groups).toEqual([db]);
    await cluster.annotated("two", "shop", SOON_MS);

    // And under a pod that lives.
    await admin.patch(`${POLICIES}/web`, "merge", { spec: { securityGroups: { groupIds: [web, db] } } });
    await soon("two has both", async () =>
      (await branchOf(cluster, "two"))?.groups.length === 2 ? true : undefined,
    );

    // A pod that its agent has refused.
    const uid = await cluster.createPod("bare", { node: "n1", wantsBranch: false, owner: true });
    await refuse(cluster, "bare", uid);
    await soon("it is evicted", async () => ((await cluster.pod("bare")) === undefined ? true : undefined));

    // By the controller that has made it: another one would have to see it twice first.
    await cluster.deletePod("one");
    await soon("its branch is released", async () =>
      (await cluster.dump()).interfaces.some(({ id }) => id === branch.eniId) ? undefined : true,
    );

    // What is said again after a restart is the same event.
    await cluster.createPod("lost", { node: "n1", labels: { app: "none" } });
    const events = (verb: string) =>
      cluster.server
        .audited(USER)
        .some(({ verb: its, objectRef }) => its === verb && objectRef?.name?.startsWith("lost.") === true);
    await soon("lost is told why", async () => {
      const list = await admin.list<{ reason: string; involvedObject: { name: string } }>(
        "/api/v1/namespaces/shop/events",
      );
      const isTold = list.some((one) => one.involvedObject.name === "lost" && one.reason === "BranchRefused");
      return isTold ? true : undefined;
    });
    expect(await first.end("SIGTERM")).toBe(0);
    cluster.controller(["--cooldown", "30s", ...LEASE], kubeconfig);
    await soon("it is told again", () => Promise.resolve(events("patch") ? true : undefined));

    const { used, forbidden } = asked(cluster.server, USER);
    expect(forbidden).toEqual([]);
    expect(used).toEqual(rights.granted());
    expect(await policyUse(cluster)).toEqual({ refused: [], unused: [] });
  },
  TEST_MS,
);

it.concurrent(
  "eks: it tells the agent of the trunk, evicts, changes the groups of living pods, and needs no more of EC2",
  async ({ expect }) => {
    await using cluster = await limitedCluster("controller-eks.json");
    const { admin } = cluster;
    const [web, db] = [await cluster.groupId("web"), await cluster.groupId("db")];
    await cluster.createPolicy("web", { app: "web" }, [web]);
    const instance = await cluster.addNode("n1", 0);
    await admin.patch("/api/v1/nodes/n1", "merge", {
      metadata: { annotations: { "of.its/kubelet": "x" } },
      spec: { taints: [{ key: TAINT, effect: "NoSchedule" }] },
    });
    await makeReadyAgent(cluster);
    const trunk = await attachTrunk(cluster, instance);
    await admin.create(CNI_NODES, {
      apiVersion: "vpcresources.k8s.aws/v1alpha1",
      kind: "CNINode",
      metadata: { name: "n1" },
      spec: { features: [{ name: "SecurityGroupsForPods", value: "" }] },
    });
    const branch = await giveBranch(cluster, {
      pod: "one",
      node: "n1",
      instance,
      trunk,
      vlan: 1,
      groups: [web],
    });
    const kubeconfig = await cluster.server.kubeconfigOf("kube-system", "branchline-controller");
    cluster.controller(["--mode", "eks", ...LEASE], kubeconfig);

    await soon("the annotation and the taint", async () => {
      const { metadata, spec } = await nodeOf(cluster);
      const isTainted = spec.taints?.some(({ key }) => key === TAINT) === true;
      return metadata.annotations?.["branchline.dev/trunk"] === trunk && !isTainted ? true : undefined;
    });
    const uid = await cluster.createPod("bare", { node: "n1", wantsBranch: false, owner: true });
    await refuse(cluster, "bare", uid);
    await soon("it is evicted", async () => ((await cluster.pod("bare")) === undefined ? true : undefined));

    await admin.patch(`${POLICIES}/web`, "merge", { spec: { securityGroups: { groupIds: [db] } } });
    await soon("its branch has the new groups", async () => {
      const { interfaces } = await cluster.dump();
      return interfaces.find(({ id }) => id === branch)?.groups.join(" ") === db ? true : undefined;
    });

    const { used, forbidden } = asked(cluster.server, USER);
    expect(forbidden).toEqual([]);
    expect(rights.granted()).toEqual(expect.arrayContaining(used));
    expect(await policyUse(cluster)).toEqual({ refused: [], unused: [] });
  },
  TEST_MS,
);
