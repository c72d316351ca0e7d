// The controller that leads is killed while pods come and go and EC2 fails, half of the times in the middle of a call to
// EC2; then etcd and the API server are. At the end each pod has its branch, and EC2 has nothing else.
import { afterAll, beforeAll, expect, it } from "vitest";
import { Random } from "../../src/simulator/model/random.ts";
import { eventually, sleep } from "../ground/run.ts";
import { BranchWatch } from "../api/support/branch-watch.ts";
import { Churn } from "../api/support/churn.ts";
import { ControlledCluster } from "../api/support/controlled-cluster.ts";
import { Replicas } from "../api/support/replicas.ts";

const KILLS = Number(process.env["KILLS"] ?? "20");
const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const NODES = ["n0", "n1", "n2", "n3"];
const REMOVED = "n3";
/** Branches of an m5.xlarge. */
const BRANCHES = "18";
/** The caches for pods and for policies follow each other so closely. */
const LAG_MS = 2_000;
/** Those that do something come up while pods come and go; "*" is whatever comes next. */
const HELD = [
  "CreateNetworkInterface",
  "AssociateTrunkInterface",
  "CreateNetworkInterface",
  "AssociateTrunkInterface",
  "DisassociateTrunkInterface",
  "DeleteNetworkInterface",
  "DescribeNetworkInterfaces",
  "*",
];

const random = new Random(SEED);
let cluster: ControlledCluster;
let watch: BranchWatch;
let churn: Churn;
let replicas: Replicas;
const instances = new Map<string, string>();

beforeAll(async () => {
  cluster = await ControlledCluster.start({
    nodes: NODES.length,
    type: "m5.xlarge",
    settings: { latencyMs: { "*": [2, 60] } },
  });
  const groups = await Promise.all(["web", "db", "node"].map((name) => cluster.groupId(name)));
  churn = new Churn(cluster, { seed: SEED, groups, nodes: NODES });
  await churn.createPolicies();
  watch = new BranchWatch(cluster.admin);
  replicas = new Replicas(cluster, ["--cooldown", "30s"]);
  for (const [i, node] of NODES.entries()) instances.set(node, await cluster.addNode(node, i, "m5.xlarge"));
  for (const node of NODES) await cluster.declareFeature(node);
}, 120_000);

afterAll(async () => {
  await churn.stop();
  await watch.stop();
  await cluster[Symbol.asyncDispose]();
});

it(`${KILLS} leaders are killed, by seed ${SEED}`, { timeout: 60_000 + KILLS * 20_000 }, async () => {
  // One call in ten fails; of these some are carried out all the same.
  const failing = { action: "*", code: "InternalError", status: 500 };
  await cluster.post("faults", { ...failing, probability: 0.04 });
  await cluster.post("faults", { ...failing, probability: 0.04, after: true });
  await cluster.post("faults", { ...failing, code: "RequestLimitExceeded", status: 503, probability: 0.02 });
  churn.start();
  let inCall = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const leader = await replicas.leader();
    const isHeld = kill % 2 === 1 && (await hold());
    if (isHeld) inCall += 1;
    else await sleep(random.between(0, 1_000));
    if (kill === Math.floor(KILLS / 2)) {
      watch.nodeRemoved(REMOVED);
      await churn.removeNode(REMOVED, instances.get(REMOVED) ?? "");
    }
    await leader.end("SIGKILL");
    replicas.replace();
    // A request that was on its way when its sender ended is carried out at once, or when another leads.
    if (random.next() < 0.5) await replicas.leader();
    await cluster.letGo();
  }
  expect(inCall).toBeGreaterThan(KILLS / 4);
  expect(churn.errors).toEqual([]);
  await allHaveBranches();
  expect(defects()).toEqual([]);
});

it("etcd and the API server are killed, and it goes on", { timeout: 120_000 }, async () => {
  const before = churn.count;
  for (const parts of [["kube-apiserver"], ["etcd", "kube-apiserver"]] as const) {
    await sleep(random.between(500, 1_500));
    await cluster.server.restart(parts);
    await replicas.leader();
    await sleep(1_000);
  }
  expect(churn.count).toBeGreaterThan(before);
  await allHaveBranches();
  expect(defects()).toEqual([]);
});

it(
  "at the end EC2 has the trunks and the branches of living pods, and nothing else",
  { timeout: 240_000 },
  async () => {
    await churn.stop();
    await cluster.clearFaults();
    await resync();
    await allHaveBranches();
    const expected = NODES.filter((node) => node !== REMOVED).map(
      (node) => `trunk of ${instances.get(node)}`,
    );
    for (const pod of churn.living.values()) {
      const { node, branch } = heldBy(pod.uid);
      expected.push(`${branch.eniId} on VLAN ${branch.vlanId} of ${instances.get(node)}`);
    }
    let last: readonly string[] = [];
    const isSame = async () => {
      last = await inEc2();
      return last.toSorted().join("\n") === expected.toSorted().join("\n") ? true : undefined;
    };
    await eventually("what EC2 has", isSame, 180_000).catch(() => undefined);
    expect(last.toSorted()).toEqual(expected.toSorted());
    expect(await wrongGroups()).toEqual([]);
    await eventually("the capacity", async () => {
      const nodes = await cluster.admin.list("/api/v1/nodes");
      const capacity = nodes.map(
        ({ status }) =>
          (status?.["capacity"] as Record<string, string> | undefined)?.["vpc.amazonaws.com/pod-eni"],
      );
      return capacity.every((one) => one === BRANCHES) ? true : undefined;
    });
    expect(defects()).toEqual([]);
  },
);

/** Whether a call was held within some seconds. */
async function hold(): Promise<boolean> {
  await cluster.hold(HELD[Math.floor(random.next() * HELD.length)] ?? "*", random.next() < 0.5);
  const isHeld = async () => ((await cluster.heldCalls()).length > 0 ? true : undefined);
  // What does not come up in time is given up for whatever does.
  if (await eventually("a held call", isHeld, 1_500).catch(() => false)) return true;
  await cluster.hold("*", random.next() < 0.5);
  return eventually("a held call", isHeld, 3_000).catch(() => false);
}

function heldBy(uid: string) {
  const held = watch.held.get(uid);
  if (held === undefined) throw new Error(`pod ${uid} has no annotation`);
  return held;
}

/** What was created or deleted while the API server ended is known only from itself. */
async function resync(): Promise<void> {
  const pods = await cluster.admin.list("/api/v1/namespaces/shop/pods");
  churn.living.clear();
  for (const { metadata, spec, status } of pods) {
    if (["Succeeded", "Failed"].includes(String(status?.["phase"]))) continue;
    churn.living.set(metadata.name, {
      uid: metadata.uid ?? "",
      node: String(spec?.["nodeName"]),
      app: metadata.labels?.["app"] ?? "",
      since: Date.parse((metadata as { creationTimestamp?: string }).creationTimestamp ?? ""),
    });
  }
}

async function allHaveBranches(): Promise<void> {
  // Those of now: more come meanwhile.
  const pods = [...churn.living].map(([name, { uid }]) => ({ name, uid }));
  const lacking = () =>
    pods.filter(({ name, uid }) => churn.living.get(name)?.uid === uid && !watch.held.has(uid));
  await eventually(
    "branches of all pods",
    () => {
      replicas.replace();
      return lacking().length === 0 ? true : undefined;
    },
    60_000,
  ).catch((error: unknown) => {
    throw new Error(JSON.stringify(lacking()), { cause: error });
  });
}

/** What was seen to be wrong, and what a controller says only of a defect of its own. */
function defects(): readonly string[] {
  const said = replicas.all.flatMap(({ lines }) =>
    lines.filter(({ level, message }) => level === "error" && !message.startsWith("the Lease is lost")),
  );
  return [...watch.faults, ...said.map((line) => JSON.stringify(line))];
}

/** Of the cluster, in a line each. */
async function inEc2(): Promise<readonly string[]> {
  const { interfaces, associations } = await cluster.dump();
  const ours = interfaces.filter(({ tags }) => tags.some(({ key }) => key === "kubernetes.io/cluster/blue"));
  const instanceOf = (trunk: string) =>
    interfaces.find(({ id }) => id === trunk)?.attachment?.instance ?? "no instance";
  return ours.map(({ id, type, attachment }) => {
    if (type === "trunk") return `trunk of ${attachment?.instance ?? `nothing: ${id}`}`;
    const on = associations.find(({ branch }) => branch === id);
    return on === undefined ? `${id} on no trunk` : `${id} on VLAN ${on.vlan} of ${instanceOf(on.trunk)}`;
  });
}

/** Branches whose groups no policy asked for while they were made. */
async function wrongGroups(): Promise<readonly string[]> {
  const { interfaces, associations } = await cluster.dump();
  return [...churn.living].flatMap(([name, { uid, app, since }]) => {
    const { branch, since: annotated } = heldBy(uid);
    const groups = interfaces.find(({ id }) => id === branch.eniId)?.groups ?? [];
    const isAssociated = associations.some(
      (one) => one.id === branch.associationID && one.branch === branch.eniId && one.vlan === branch.vlanId,
    );
    const isRight = isAssociated && churn.maySay(app, groups, since - LAG_MS, annotated);
    return isRight ? [] : [`${name} of ${app}: ${JSON.stringify({ branch, groups })}`];
  });
}
