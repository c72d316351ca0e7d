import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { SEEN_PODS } from "../../src/controller/objects.ts";
import { ACTIONS } from "../../src/ec2/actions.ts";
import type { RunningPart } from "../../test/api/support/running-part.ts";
import { ControlledCluster, POD_ENI } from "../../test/api/support/controlled-cluster.ts";
import { eventually } from "../../test/ground/run.ts";
import { atOnce } from "../at-once.ts";

/** So many connections make objects. */
const CONNECTIONS = 50;
const WAIT_MS = 1_800_000;
const TYPE = { name: "m5.xlarge", branches: 18 };
const CNI_NODES = "/apis/vpcresources.k8s.aws/v1alpha1/cninodes";

/** EC2's answers, in milliseconds, drawn evenly between the two. Assumed: EC2 states none. */
export const LATENCY: Readonly<Record<string, readonly [number, number]>> = {
  "*": [60, 250],
  DescribeNetworkInterfaces: [40, 150],
  DescribeInstances: [40, 150],
  DescribeSubnets: [40, 150],
  DescribeTrunkInterfaceAssociations: [40, 150],
};

interface Object {
  readonly metadata: { readonly uid: string };
}

export interface PodTimes {
  /** When our watch showed it first, in ms since 1970. */
  readonly seen: number;
  /** When its annotation was there. */
  annotated?: number;
  eni?: string;
}

/** A cluster whose EC2 calls are counted, and whose pods are watched as the controller watches them. */
export class BenchCluster implements AsyncDisposable {
  readonly cluster: ControlledCluster;
  readonly pods = new Map<string, PodTimes>();
  /** EC2 calls by API since the last `countAnew`. */
  readonly calls = new Map<string, number>();
  /** When each interface was made, in ms since 1970. */
  readonly madeAt: Map<string, number>;
  private readonly instances: readonly string[];
  private readonly type: typeof TYPE;
  private readonly watching = new AbortController();

  private constructor(
    cluster: ControlledCluster,
    instances: readonly string[],
    log: { calls: Map<string, number>; madeAt: Map<string, number> },
    type: typeof TYPE,
  ) {
    this.type = type;
    this.cluster = cluster;
    this.instances = instances;
    this.calls = log.calls;
    this.madeAt = log.madeAt;
  }

  static async start(nodes: number, type = TYPE): Promise<BenchCluster> {
    const calls = new Map<string, number>();
    const madeAt = new Map<string, number>();
    const cluster = await ControlledCluster.start({
      nodes,
      type: type.name,
      settings: { latencyMs: LATENCY, quotas: { interfaces: 50_000 } },
      hear(line) {
        const { msg, action, kind, id, at } = JSON.parse(line);
        if (msg === "call") calls.set(action, (calls.get(action) ?? 0) + 1);
        if (msg === "effect" && kind === "interface-created") madeAt.set(id, at);
      },
    });
    const { instances } = await cluster.dump();
    const bench = new BenchCluster(
      cluster,
      instances.map(({ id }) => id),
      { calls, madeAt },
      type,
    );
    await cluster.createPolicy("web", { app: "web" }, [await cluster.groupId("web")]);
    void bench.watch();
    return bench;
  }

  /** No limits and no latency, while something is set up. */
  async hurry(): Promise<void> {
    await again(() => this.cluster.post("settings", { throttling: false, latencyMs: {} }));
  }

  async asEc2(): Promise<void> {
    await again(() => this.cluster.post("settings", { throttling: true, latencyMs: LATENCY }));
  }

  countAnew(): void {
    this.calls.clear();
  }

  get callCount(): number {
    return [...this.calls.values()].reduce((sum, one) => sum + one, 0);
  }

  /** A controller with the default Lease. `inHurry`: without limits of its own, nor a Lease that a busy machine would lose. */
  controller(inHurry: boolean, more: readonly string[] = []): RunningPart {
    const rates = ACTIONS.flatMap((action) => ["--rate", `${action}=100000/100000`]);
    return this.cluster.controller(
      inHurry ? ["--leader-elect", "false", ...rates, ...more] : ["--lease-duration", "15s", ...more],
    );
  }

  /** Nodes with their CNINodes, as agents leave them; of these numbers. */
  async addNodes(from: number, to: number): Promise<void> {
    const { admin } = this.cluster;
    await atOnce(to - from, CONNECTIONS, async (i) => {
      const name = nodeName(from + i);
      const instance = this.instances[from + i] ?? "";
      const counts = { pods: "110", [POD_ENI]: String(this.type.branches) };
      const { metadata } = await admin.create<Object & { metadata: { name: string } }>("/api/v1/nodes", {
        metadata: {
          name,
          labels: { "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": this.type.name },
        },
        spec: { providerID: `aws:///us-east-1a/${instance}` },
        status: {
          addresses: [{ type: "InternalIP", address: "10.0.0.4" }],
          capacity: counts,
          allocatable: counts,
        },
      });
      await admin.create(CNI_NODES, {
        apiVersion: "vpcresources.k8s.aws/v1alpha1",
        kind: "CNINode",
        metadata: {
          name,
          annotations: { "branchline.dev/instance-id": instance },
          ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid: metadata.uid }],
        },
        spec: { features: [{ name: "SecurityGroupsForPods", value: "" }] },
      });
    });
  }

  /** So many pods at once, in turn on so many nodes, beginning with the `first`. Gives their names. */
  async addPods(
    prefix: string,
    count: number,
    {
      nodes,
      first = 0,
      from = 0,
      wantsBranch = true,
    }: {
      readonly nodes: number;
      readonly first?: number;
      /** Of their names. */
      readonly from?: number;
      readonly wantsBranch?: boolean;
    },
  ): Promise<readonly string[]> {
    return atOnce(count, CONNECTIONS, async (i) => {
      const name = `${prefix}-${from + i}`;
      await this.cluster.admin.create(
        "/api/v1/namespaces/shop/pods",
        podOf(name, (first + i) % nodes, wantsBranch),
      );
      return name;
    });
  }

  async deletePods(names: readonly string[]): Promise<void> {
    await atOnce(names.length, CONNECTIONS, (i) => this.cluster.deletePod(names[i] ?? ""));
  }

  /** Until all of these have their annotation. */
  async annotated(names: readonly string[]): Promise<void> {
    await eventually(
      `annotations of ${names.length} pods`,
      () => (names.every((name) => this.pods.get(name)?.annotated !== undefined) ? true : undefined),
      WAIT_MS,
    );
  }

  async trunks(controller: RunningPart, count: number): Promise<void> {
    await eventually(
      `${count} trunks`,
      async () => ((await metric(controller, "trunks")) >= count ? true : undefined),
      WAIT_MS,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watching.abort(new Error("the measurement is over"));
    await this.cluster[Symbol.asyncDispose]();
  }

  private async watch(): Promise<void> {
    const config = loadKubeconfig({ path: this.cluster.server.adminKubeconfig }, {});
    const client = new KubernetesClient(connectTo(config, "bench"));
    const { signal } = this.watching;
    try {
      let { resourceVersion } = await client.list(SEEN_PODS, {}, signal);
      while (!signal.aborted) {
        for await (const event of client.watch(SEEN_PODS, {}, { resourceVersion, seconds: 290 }, signal)) {
          resourceVersion = event.resourceVersion;
          if (event.type !== "changed") continue;
          const { metadata, claim, wantsBranch } = event.object;
          if (!wantsBranch) continue;
          const times = this.pods.get(metadata.name) ?? { seen: Date.now() };
          this.pods.set(metadata.name, times);
          if (typeof claim !== "object") continue;
          times.annotated ??= Date.now();
          times.eni = claim.eniId;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** One of the controller's figures; 0 until it listens. */
export async function metric(controller: RunningPart, name: string): Promise<number> {
  try {
    return (await again(() => controller.metrics())).get(`branchline_controller_${name}`) ?? 0;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const status = await controller.whenEnded();
    const words = JSON.stringify(controller.lines.slice(-5));
    throw new Error(`the controller has ended with status ${status}: ${words}`, { cause: error });
  }
}

/** An idle connection may be closed by the other end at the very moment. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return ask();
  }
}

function nodeName(index: number): string {
  return `n${index}`;
}

/** Of about the size that a Deployment's have, without managedFields. */
function podOf(name: string, node: number, wantsBranch: boolean): object {
  const resources = wantsBranch
    ? { limits: { [POD_ENI]: "1" }, requests: { [POD_ENI]: "1" } }
    : { limits: { memory: "128Mi" }, requests: { cpu: "100m", memory: "128Mi" } };
  return {
    metadata: {
      name,
      labels: {
        app: wantsBranch ? "web" : "other",
        "app.kubernetes.io/name": "shop",
        "app.kubernetes.io/instance": "shop-production",
        "app.kubernetes.io/part-of": "storefront",
        "pod-template-hash": "6d4cf56db6",
      },
      annotations: { "prometheus.io/scrape": "true", "prometheus.io/port": "9090" },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "r-uid", controller: true },
      ],
    },
    spec: {
      nodeName: nodeName(node),
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "main",
          image: "registry.example/shop:1.2.3",
          env: Array.from({ length: 10 }, (_, i) => ({
            name: `SETTING_${i}`,
            value: `value of setting ${i}`,
          })),
          ports: [{ containerPort: 8080, name: "http" }],
          resources,
        },
      ],
    },
  };
}
