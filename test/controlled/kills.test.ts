// The controller that leads is killed while pods come and go and EC2 fails, half of the times in the middle of a call to
// EC2; then etcd and the API server are. At the end each pod has its branch, and EC2 has nothing else; its log tells of no
// VLAN id that two had, and of no branch that was taken from a living pod.
import { afterAll, beforeAll, expect, it } from "vitest";
import { Random } from "../../src/simulator/model/random.ts";
import { eventually, sleep } from "../ground/run.ts";
import type { RunningPart } from "../api/support/running-part.ts";
import { BranchLog } from "../api/support/branch-log.ts";
import { BranchWatch } from "../api/support/branch-watch.ts";
import { Churn } from "../api/support/churn.ts";
import { ControlledCluster } from "../api/support/controlled-cluster.ts";
import { Replicas } from "../api/support/replicas.ts";

const KILLS = Number(process.env["KILLS"] ?? "20");
/** On a machine that is busier than usual leaders lose a short one by themselves. */
const LEASE = process.env["LEASE"] ?? "2s";
/** Warm branches on each node; recycling is on with them. */
const WARM = Number(process.env["WARM"] ?? "0");
const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const NODES = ["n0", "n1", "n2", "n3"];
const REMOVED = "n3";
/** Many branches: what pods leave cools anew with each leader, and most live for some seconds. */
const TYPE = "m5.24xlarge";
const BRANCHES = "107";
/** Calls that come soon in a leader's life while pods come and go. */
const MAKING = [
  "CreateNetworkInterface",
  "AssociateTrunkInterface",
  "CreateNetworkInterface",
  "AssociateTrunkInterface",
  "ModifyNetworkInterfaceAttribute",
  "DescribeNetworkInterfaces",
] as const;
/** Calls that come only once a leader has lived for a cooldown. */
const RELEASING = ["DisassociateTrunkInterface", "DeleteNetworkInterface"] as const;
/** One leader in so many lives until it has taken away most of what others left: none of the gate's twenty, which takes a minute. */
const PATIENCE = WARM > 0 ? 6 : 20;
/** Of its kills in the middle of a call so many may miss. */
const MISSES = Math.max(2, KILLS / 20);

/** Far more than anything takes on a busy machine. */
const SOON_MS = 180_000;
/** One that is patient lives for a cooldown, and until warm branches have been made; each waits for the Lease of the one before. */
const ALL_MS = 60_000 + KILLS * (14_000 + 3_000 * Number.parseFloat(LEASE)) + (KILLS / PATIENCE) * 150_000;
/** A run of an hour tells how far it is. */
const TELL = 20;

const random = new Random(SEED);
let cluster: ControlledCluster;
let watch: BranchWatch;
const log = new BranchLog((eni) => watch.podOf(eni));
/** Calls in the middle of which a leader was killed: how often each. */
const met = new Map<string, number>();
/** Of these, how often only the answer was missing. */
let answered = 0;
/** Leaders that have ended by themselves. */
let lost = 0;
let churn: Churn;
let replicas: Replicas;
const instances = new Map<string, string>();

beforeAll(async () => {
  cluster = await ControlledCluster.start({
    nodes: NODES.length,
    type: TYPE,
    settings: { latencyMs: { "*": [2, 60] } },
    hear: (line) => log.hear(line),
  });
  const groups = await Promise.all(["web", "db", "node"].map((name) => cluster.groupId(name)));
  churn = new Churn(cluster, { seed: SEED, groups, nodes: NODES });
  await churn.createPolicies();
  console.log(`seed ${SEED}, ${WARM} warm branches a node`);
  watch = new BranchWatch(cluster.admin, WARM > 0 ? (eni) => log.groupsChanged.get(eni) : undefined);
  const flags = { cooldown: "30s", "warm-target": String(WARM), "lease-duration": LEASE };
  replicas = new Replicas(
    cluster,
    Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
  );
  for (const [i, node] of NODES.entries()) instances.set(node, await cluster.addNode(node, i, TYPE));
  for (const node of NODES) await cluster.declareFeature(node);
}, 2 * SOON_MS);

afterAll(async () => {
  // What was not started, on a busy machine, is not there.
  await (churn as Churn | undefined)?.stop();
  await (watch as BranchWatch | undefined)?.stop();
  await (cluster as ControlledCluster | undefined)?.[Symbol.asyncDispose]();
});

it(`${KILLS} leaders are killed, by seed ${SEED}`, { timeout: ALL_MS }, async () => {
  // One call in ten fails; of these some are carried out all the same.
  const failing = { action: "*", code: "InternalError", status: 500 };
  await cluster.post("faults", { ...failing, probability: 0.04 });
  await cluster.post("faults", { ...failing, probability: 0.04, after: true });
  await cluster.post("faults", { ...failing, code: "RequestLimitExceeded", status: 503, probability: 0.02 });
  churn.start();
  for (let kill = 0; kill < KILLS;) {
    if (kill === Math.floor(KILLS / 2) && churn.hasNode(REMOVED)) await removeNode();
    const leader = await replicas.leader();
    if (await killed(leader, kill)) kill += 1;
    // On a busy machine one may lose the Lease by itself.
    else lost += 1;
    expect(lost).toBeLessThan(KILLS);
    if (kill % TELL === 0) console.log(`${kill} killed, ${lost} lost the Lease by themselves`);
  }
  console.log(report());
  expect(saidBy("ChangeGroups")).toBeGreaterThanOrEqual(Math.floor(KILLS / 10));
  const timesOf = (calls: readonly string[]) => calls.reduce((sum, call) => sum + (met.get(call) ?? 0), 0);
  expect(timesOf([...met.keys()])).toBeGreaterThanOrEqual(KILLS / 2 - MISSES);
  expect(timesOf(RELEASING)).toBeGreaterThanOrEqual(Math.floor(((KILLS - 2) / PATIENCE) * 0.7));
  // They had something to do to the end.
  expect(watch.held.size).toBeGreaterThan(KILLS / 2);
  expect(churn.errors).toEqual([]);
  await allHaveBranches();
  expect(defects()).toEqual([]);
});

it("etcd and the API server are killed, and it goes on", { timeout: 4 * SOON_MS }, async () => {
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
  { timeout: 4 * SOON_MS },
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
      last = withoutWarm(await inEc2(), expected);
      return last.toSorted().join("\n") === expected.toSorted().join("\n") ? true : undefined;
    };
    await eventually("what EC2 has", isSame, SOON_MS).catch(() => undefined);
    expect(last.toSorted()).toEqual(expected.toSorted());
    if (WARM > 0) await allAreWarm();
    let wrong: readonly string[] = [];
    const areRight = async () => ((wrong = await wrongGroups()).length === 0 ? true : undefined);
    await eventually("the groups that policies say", areRight, SOON_MS).catch(() => undefined);
    expect(wrong).toEqual([]);
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

/** Kills the leader, each second one in the middle of a call; false: it has ended by itself before. */
async function killed(leader: RunningPart, kill: number): Promise<boolean> {
  const isPatient = kill >= PATIENCE && kill % PATIENCE === 1;
  if (isPatient) await hasReleased(leader);
  // Only one that lives for a while makes some ahead; pods get them meanwhile.
  if (isPatient && WARM > 0) await hasGivenWarm(leader, 1 + Math.floor(random.next() * 4));
  else await hasGiven(leader, Math.floor(random.next() * 4));
  if (kill % 2 === 0) await sleep(random.between(0, 200));
  else await hold(isPatient ? RELEASING : MAKING);
  const held = await cluster.heldCalls();
  const isKilled = !leader.hasEnded;
  await leader.end("SIGKILL");
  for (const { action, after } of isKilled ? held : []) {
    met.set(action, (met.get(action) ?? 0) + 1);
    if (after) answered += 1;
  }
  replicas.replace();
  // A request that was on its way when its sender ended is carried out at once, or when another leads.
  if (random.next() < 0.5) await replicas.leader();
  await cluster.letGo();
  return isKilled;
}

async function removeNode(): Promise<void> {
  watch.nodeRemoved(REMOVED);
  await churn.removeNode(REMOVED, instances.get(REMOVED) ?? "");
}

/** Waits until EC2 holds a call of one of these actions. What does not come up in time is given up for whatever does. */
async function hold(actions: readonly string[]): Promise<void> {
  const isHeld = async () => ((await cluster.heldCalls()).length > 0 ? true : undefined);
  for (const action of [actions[Math.floor(random.next() * actions.length)] ?? "*", "*"]) {
    await cluster.hold(action, random.next() < 0.5);
    if (await eventually(`a held ${action}`, isHeld, 3_000).catch(() => false)) return;
    await cluster.letGo();
  }
}

/** Waits until the leader has given so many pods their branch, which on a busy machine takes seconds, or has had its time. */
async function hasGiven(leader: RunningPart, pods: number): Promise<void> {
  const isEnough = () => pods <= leader.lines.filter(({ message }) => message === "AnnotatePod").length;
  await eventually("branches", () => (leader.hasEnded || isEnough() ? true : undefined), 30_000).catch(
    () => undefined,
  );
}

/** Waits until the leader has taken away most of the branches whose pods had ended when it began. */
async function hasReleased(leader: RunningPart): Promise<void> {
  const left = (await cluster.dump()).associations.length - churn.living.size;
  const isEnough = () =>
    leader.lines.filter(({ message }) => message === "DeleteBranch" || message === "KeepWarm").length >=
    left * 0.8;
  await eventually("releases", () => (leader.hasEnded || isEnough() ? true : undefined), SOON_MS);
}

/** Waits until the leader has given warm branches to so many pods, or has had its time. */
async function hasGivenWarm(leader: RunningPart, pods: number): Promise<void> {
  const isEnough = () => pods <= leader.lines.filter(({ message }) => message === "ClaimWarm").length;
  await eventually("warm branches", () => (leader.hasEnded || isEnough() ? true : undefined), 60_000).catch(
    () => undefined,
  );
}

function report(): string {
  const told = (counts: ReadonlyMap<string, number>) =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([what, times]) => `${times} ${what}`)
      .join("; ");
  return [
    ...(WARM > 0
      ? [
          `${saidBy("CreateWarm")} branches were made ahead, ${saidBy("KeepWarm")} kept, ${saidBy("ClaimWarm")} claimed; ${watch.recycled.size} had several pods`,
        ]
      : []),
    `the groups of living pods were changed ${saidBy("ChangeGroups")} times, ${saidBy("MarkChanged")} branches marked before`,
    `killed in the middle of: ${told(met)}; ${answered} of them were carried out; ${lost} leaders more lost the Lease by themselves`,
    `EC2 was called: ${told(log.calls)}`,
    `${churn.count} pods were made, ${watch.held.size} had a branch; ${log.refused} associations met a VLAN id in use`,
  ].join("\n");
}

/** How often the replicas together have said that they did so. */
function saidBy(action: string): number {
  return replicas.all.flatMap(({ lines }) => lines).filter(({ message }) => message === action).length;
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
    SOON_MS,
  ).catch((error: unknown) => {
    throw new Error(JSON.stringify(lacking()), { cause: error });
  });
}

/** What was seen to be wrong, and what a controller says only of a defect of its own. */
function defects(): readonly string[] {
  const said = replicas.all.flatMap(({ lines }) =>
    lines.filter(({ level, message }) => level === "error" && !message.startsWith("the Lease is lost")),
  );
  return [...watch.faults, ...log.faults, ...said.map((line) => JSON.stringify(line))];
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

/** On each node so many more may be on the trunk. */
function withoutWarm(there: readonly string[], expected: readonly string[]): readonly string[] {
  const left = new Map([...instances.values()].map((instance) => [instance, WARM]));
  return there.filter((line) => {
    const instance = / on VLAN \d+ of (i-[0-9a-f]+)$/.exec(line)?.[1] ?? "";
    const places = left.get(instance) ?? 0;
    if (expected.includes(line) || places === 0) return true;
    left.set(instance, places - 1);
    return false;
  });
}

/** Once nobody is killed any more each node has as many as it should. */
async function allAreWarm(): Promise<void> {
  await eventually(
    "warm branches",
    async () => {
      const { associations } = await cluster.dump();
      const trunks = Object.values(Object.groupBy(associations, ({ trunk }) => trunk));
      const used = new Set([...churn.living.values()].map(({ uid }) => heldBy(uid).branch.eniId));
      const warm = trunks.map((of = []) => of.filter(({ branch }) => !used.has(branch)).length);
      return warm.length === NODES.length - 1 && warm.every((count) => count === WARM) ? true : undefined;
    },
    SOON_MS,
  );
}

/** Branches of living pods that have not the groups their policies say now. */
async function wrongGroups(): Promise<readonly string[]> {
  const { interfaces, associations } = await cluster.dump();
  return [...churn.living].flatMap(([name, { uid, app }]) => {
    const { branch } = heldBy(uid);
    const groups = interfaces.find(({ id }) => id === branch.eniId)?.groups ?? [];
    const isAssociated = associations.some(
      (one) => one.id === branch.associationID && one.branch === branch.eniId && one.vlan === branch.vlanId,
    );
    const said = churn.groupsOf(app);
    const isRight = isAssociated && said.toSorted().join() === groups.toSorted().join();
    return isRight ? [] : [`${name} of ${app}: ${JSON.stringify({ branch, groups, said })}`];
  });
}
