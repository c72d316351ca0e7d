// Policies and labels change under traffic: what a connection may do is what the policies say, in the simulator's data plane.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Running } from "../../src/simulator/start.ts";
import { RunningPart } from "../api/support/running-part.ts";
import { type ApiServer, startApiServer } from "../ground/api-server.ts";
import { createBranchPod } from "../ground/branch-pod.ts";
import { Conversation } from "../ground/conversation.ts";
import { applyCrds } from "../ground/kubernetes/crds.ts";
import { deleteNetns } from "../ground/netns.ts";
import { eventually } from "../ground/run.ts";
import { startSimulatedVpc } from "../ground/simulated-vpc.ts";
import { connect } from "../ground/traffic.ts";

const PREFIX = "live";
const PORT = 5432;
const POD_ENI = "vpc.amazonaws.com/pod-eni";
const SHOP = "/api/v1/namespaces/shop";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";
const CNI_NODE = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes/n1";
/** From the edit to the first connection that follows it. */
const MOST_MS = 2_000;
const START_MS = 120_000;

// The database admits whoever is in `client`. What leaves is limited as well, so that connections are tracked at both ends.
const WORLD = `
settings: { attachSeconds: 0.1, detachSeconds: 0.1, instanceSeconds: 0.1 }
vpcs:
  - name: main
    cidr: 10.0.0.0/16
    subnets: [{ name: nodes, cidr: 10.0.0.0/24, zone: us-east-1a }]
    groups:
      - { name: node }
      - { name: client }
      - { name: other }
      - { name: db, ingress: [{ protocol: tcp, ports: [${PORT}, ${PORT}], group: client }] }
    instances:
      - { name: a, type: m5.large, subnet: nodes, groups: [node] }
`;

let server: ApiServer;
let simulator: Running;
let controller: RunningPart;
const opened: { close(): Promise<void> }[] = [];
const namespaces: string[] = [];

const groupId = (name: string): string =>
  [...simulator.simulator().world.groups.values()].find((group) => group.name === name)?.id ?? "";

const setGroups = (policy: string, ...names: string[]) =>
  server.admin.patch(`${POLICIES}/${policy}`, "merge", {
    spec: { securityGroups: { groupIds: names.map(groupId) } },
  });
const setLabels = (what: string, labels: Readonly<Record<string, string>>) =>
  server.admin.patch(`${SHOP}/${what}`, "merge", { metadata: { labels } });

async function createPolicy(name: string, selector: object, ...names: string[]): Promise<void> {
  await server.admin.create(POLICIES, {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name },
    spec: { ...selector, securityGroups: { groupIds: names.map(groupId) } },
  });
}

interface Pod {
  readonly name: string;
  readonly netns: string;
  readonly eni: string;
  readonly ipv4: string;
}

/** With a network of its own that is its branch, as its node would make it. */
async function createPod(name: string, labels: object, serviceAccountName = "default"): Promise<Pod> {
  await server.admin.create(`${SHOP}/pods`, {
    metadata: { name, labels },
    spec: {
      nodeName: "n1",
      serviceAccountName,
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: "c", image: "i", resources: { limits: { [POD_ENI]: "1" }, requests: { [POD_ENI]: "1" } } },
      ],
    },
  });
  const text = await eventually(
    `the branch of ${name}`,
    async () => (await server.admin.get(`${SHOP}/pods/${name}`)).metadata.annotations?.[POD_ENI],
    START_MS,
  );
  const [branch] = JSON.parse(text) as [{ eniId: string; vlanId: number; eniMac: string; privateIp: string }];
  await simulator.dataPlane?.ready();
  const { world } = simulator.simulator();
  const [instance = ""] = world.instances.keys();
  const trunk = [...world.interfaces.values()].find(({ type }) => type === "trunk");
  const netns = `${PREFIX}-${name}`;
  namespaces.push(netns);
  const own = { mac: world.interfaces.get(branch.eniId)?.mac ?? "", ipv4: branch.privateIp };
  const device = `eth${trunk?.attachment?.deviceIndex}`;
  await createBranchPod(`${PREFIX}-${instance}`, netns, own, `type vlan id ${branch.vlanId}`, device);
  return { name, netns, eni: branch.eniId, ipv4: branch.privateIp };
}

async function deletePod({ name, netns }: Pod): Promise<void> {
  await server.admin.request("DELETE", `${SHOP}/pods/${name}?gracePeriodSeconds=0`);
  await deleteNetns(netns);
}

async function kept<T extends { close(): Promise<void> }>(making: Promise<T>): Promise<T> {
  const made = await making;
  opened.push(made);
  return made;
}

const talk = (from: Pod, to: Pod) => kept(Conversation.tcp(from.netns, to.ipv4, PORT));
const reaches = async (from: Pod, to: Pod): Promise<boolean> =>
  (await connect(from.netns, to.ipv4, { port: PORT, timeout: 1 })).reach === "reached";

/** Makes the change, and gives how many milliseconds later the first new connection began that did as it says. */
async function follows(
  change: () => Promise<unknown>,
  [from, to]: readonly [Pod, Pod],
  wanted: boolean,
): Promise<number> {
  await change();
  const at = performance.now();
  return eventually(
    `a connection that ${wanted ? "comes through" : "is refused"}`,
    async () => {
      const began = performance.now();
      return (await reaches(from, to)) === wanted ? began - at : undefined;
    },
    30_000,
  );
}

async function eventOf({ name }: Pod, reason: string): Promise<string> {
  const found = await eventually(`${reason} of ${name}`, async () => {
    const all = await server.admin.list<{
      reason: string;
      message: string;
      involvedObject: { name: string };
    }>(`${SHOP}/events`);
    return all.find((one) => one.reason === reason && one.involvedObject.name === name);
  });
  return found.message;
}

beforeAll(async () => {
  server = await startApiServer({
    flags: { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] },
    timeout: START_MS,
  });
  await applyCrds(server.admin);
  await server.admin.create("/api/v1/namespaces", { metadata: { name: "shop" } });
  for (const name of ["default", "till"])
    await server.admin.create(`${SHOP}/serviceaccounts`, { metadata: { name } });
  simulator = await startSimulatedVpc({ prefix: PREFIX, world: WORLD });
  const [instance = ""] = simulator.simulator().world.instances.keys();
  await server.admin.create("/api/v1/nodes", {
    metadata: {
      name: "n1",
      labels: { "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": "m5.large" },
    },
    spec: { providerID: `aws:///us-east-1a/${instance}` },
  });
  controller = new RunningPart({
    args: [
      ["controller", "--cluster-name", "live", "--kubeconfig", server.adminKubeconfig],
      ["--leader-elect", "false", "--webhook-listen", ""],
      ["--health-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"],
    ].flat(),
    env: {
      PATH: process.env["PATH"],
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "AKIACONTROLLER",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_ENDPOINT_URL_EC2: simulator.ec2,
      AWS_EC2_METADATA_DISABLED: "true",
    },
  });
  await eventually(
    "the CNINode",
    async () => ((await server.admin.request("GET", CNI_NODE)).status === 200 ? true : undefined),
    START_MS,
  );
  await server.admin.patch(CNI_NODE, "merge", {
    spec: { features: [{ name: "SecurityGroupsForPods", value: "" }] },
  });
}, START_MS);

afterAll(async () => {
  for (const one of opened.splice(0)) await one.close();
  for (const name of namespaces.splice(0)) await deleteNetns(name);
  await controller[Symbol.asyncDispose]();
  await simulator.stop();
  await server.stop();
});

it(
  "a policy is edited: new connections follow within 2 s, established ones stay",
  async () => {
    await createPolicy("db", { podSelector: { matchLabels: { app: "db" } } }, "db");
    await createPolicy("web", { podSelector: { matchLabels: { app: "web" } } }, "client");
    const [db, web] = [await createPod("db", { app: "db" }), await createPod("web", { app: "web" })];
    const pair = [web, db] as const;
    await kept(Conversation.serve(db.netns, PORT));
    await eventually("web reaches db", async () => ((await reaches(...pair)) ? true : undefined));
    const before = await talk(...pair);
    expect(await before.isAnswered()).toBe(true);
    // Whoever is at the other end counts as well: its edit shuts out everybody, and web is a client all the same.
    const times = {
      taken: await follows(() => setGroups("web", "other"), pair, false),
      given: await follows(() => setGroups("web", "other", "client"), pair, true),
      shut: await follows(() => setGroups("db", "other"), pair, false),
      open: await follows(() => setGroups("db", "db"), pair, true),
    };
    console.log("a policy is edited, ms:", JSON.stringify(times));
    for (const time of Object.values(times)) expect(time).toBeLessThan(MOST_MS);
    await setGroups("web", "other");
    await eventually("it is shut out", async () => ((await reaches(...pair)) ? undefined : true));
    expect(await before.isAnswered()).toBe(true);
    expect(await eventOf(web, "GroupsChanged")).toMatch(
      new RegExp(`^its branch ${web.eni} has the groups .* now; ${groupId("client")} was taken away`),
    );
    await deletePod(web);
    await deletePod(db);
  },
  START_MS,
);

it(
  "labels of a pod and of a ServiceAccount change: the same",
  async () => {
    await setGroups("web", "client");
    await setGroups("db", "db");
    await createPolicy("plain", { podSelector: { matchLabels: { app: "plain" } } }, "other");
    await createPolicy("till", { serviceAccountSelector: { matchLabels: { may: "pay" } } }, "client");
    const db = await createPod("db-2", { app: "db" });
    const moved = await createPod("moved", { app: "plain" });
    const till = await createPod("till", { app: "plain" }, "till");
    await kept(Conversation.serve(db.netns, PORT));
    expect(await reaches(moved, db)).toBe(false);
    expect(await reaches(till, db)).toBe(false);
    const times = {
      pod: await follows(() => setLabels("pods/moved", { app: "web" }), [moved, db], true),
      account: await follows(() => setLabels("serviceaccounts/till", { may: "pay" }), [till, db], true),
      podBack: await follows(() => setLabels("pods/moved", { app: "plain" }), [moved, db], false),
      accountBack: await follows(() => setLabels("serviceaccounts/till", { may: "look" }), [till, db], false),
    };
    console.log("labels change, ms:", JSON.stringify(times));
    for (const time of Object.values(times)) expect(time).toBeLessThan(MOST_MS);
    // A pod that no policy selects any more keeps what it has.
    await follows(() => setLabels("pods/moved", { app: "web" }), [moved, db], true);
    await setLabels("pods/moved", { app: "nobody" });
    expect(await eventOf(moved, "GroupsKept")).toContain(`keeps the groups ${groupId("client")}`);
    expect(await reaches(moved, db)).toBe(true);
    for (const pod of [db, moved, till]) await deletePod(pod);
  },
  START_MS,
);
