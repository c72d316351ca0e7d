import { atOnce } from "../at-once.ts";
import { POD_ENI } from "../../test/api/support/controlled-cluster.ts";
import { BenchCluster } from "../controller/bench-cluster.ts";
import { nodeStatusOf } from "./node.ts";
import { agentOf, podOf, statusOf, type PodPlace } from "./pod.ts";

/** A cluster whose trunks and branches a real controller has made, and whose pods are as large as real ones. */

const CONNECTIONS = 50;
const NAMESPACES = 20;
/** Of each namespace; each has a policy of its own. */
const APPS = 5;

export interface Sizes {
  readonly nodes: number;
  /** Together with an agent on each node. */
  readonly pods: number;
  /** Of these pods. */
  readonly branches: number;
}

export async function largeCluster({ nodes, pods, branches }: Sizes): Promise<BenchCluster> {
  const bench = await BenchCluster.start(nodes);
  try {
    await bench.hurry();
    await addPolicies(bench);
    const controller = bench.controller(true);
    await bench.addNodes(0, nodes);
    await bench.trunks(controller, nodes);
    say(`${nodes} trunks`);
    const places = Array.from({ length: pods - nodes }, (_, i) => placeOf(i, nodes, i < branches));
    await add(bench, places);
    say(`${pods} pods`);
    await bench.annotated(places.filter(({ wantsBranch }) => wantsBranch).map(({ name }) => name));
    say(`${branches} branches`);
    await addAgents(bench, nodes);
    await run(bench, places);
    await reportNodes(bench, nodes);
    say("all run");
    // Until the CNINodes say all of it.
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    await controller.end("SIGTERM");
    await bench.asEc2();
    return bench;
  } catch (error) {
    await bench[Symbol.asyncDispose]();
    throw error;
  }
}

function placeOf(i: number, nodes: number, wantsBranch: boolean): PodPlace {
  const namespace = `team-${i % NAMESPACES}`;
  const app = wantsBranch ? `app-${Math.floor(i / NAMESPACES) % APPS}` : "other";
  return { name: `${app}-6d4cf56db6-${i}`, namespace, app, node: `n${i % nodes}`, wantsBranch };
}

async function addPolicies({ cluster }: BenchCluster): Promise<void> {
  const [web, db] = [await cluster.groupId("web"), await cluster.groupId("db")];
  for (let i = 0; i < NAMESPACES; i += 1) {
    await cluster.makeNamespace(`team-${i}`);
    for (let app = 0; app < APPS; app += 1)
      await cluster.createPolicy(
        `app-${app}`,
        { app: `app-${app}` },
        app % 2 === 0 ? [web] : [web, db],
        `team-${i}`,
      );
  }
}

async function add({ cluster: { admin } }: BenchCluster, places: readonly PodPlace[]): Promise<void> {
  await atOnce(places.length, CONNECTIONS, async (i) => {
    const place = places[i] as PodPlace;
    await admin.create(
      `/api/v1/namespaces/${place.namespace}/pods?fieldManager=kube-controller-manager`,
      podOf(place),
    );
  });
}

interface Annotated {
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
}

/** As their kubelets report them: with the address of their branch, or one of their node's. */
async function run(bench: BenchCluster, places: readonly PodPlace[]): Promise<void> {
  const { admin } = bench.cluster;
  const now = Date.now();
  const addresses = new Map<string, string>();
  for (let i = 0; i < NAMESPACES; i += 1) {
    const pods = await admin.list<Annotated>(`/api/v1/namespaces/team-${i}/pods`);
    for (const { metadata } of pods) {
      const annotation = metadata.annotations[POD_ENI];
      if (annotation !== undefined) addresses.set(metadata.name, JSON.parse(annotation)[0].privateIp);
    }
  }
  await atOnce(places.length, CONNECTIONS, async (i) => {
    const { namespace, name } = places[i] as PodPlace;
    const address = addresses.get(name) ?? `10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
    await admin.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status?fieldManager=kubelet`, "merge", {
      status: statusOf(address, now - 3_600_000, 2 + (i % 5)),
    });
  });
}

async function addAgents(bench: BenchCluster, nodes: number): Promise<void> {
  const { admin } = bench.cluster;
  await atOnce(nodes, CONNECTIONS, async (i) => {
    const agent = agentOf(`n${i}`);
    await admin.create("/api/v1/namespaces/kube-system/pods?fieldManager=kube-controller-manager", agent);
    const place = `/api/v1/namespaces/kube-system/pods/branchline-agent-n${i}/status?fieldManager=kubelet`;
    await admin.patch(place, "merge", { status: statusOf("10.0.0.4", Date.now() - 3_600_000, 1) });
  });
}

/** As their kubelets do. */
async function reportNodes({ cluster: { admin } }: BenchCluster, nodes: number): Promise<void> {
  await atOnce(nodes, CONNECTIONS, async (i) => {
    await admin.patch(`/api/v1/nodes/n${i}/status?fieldManager=kubelet`, "merge", {
      status: nodeStatusOf(i),
    });
  });
}

function say(words: string): void {
  process.stderr.write(`  ${words}\n`);
}
