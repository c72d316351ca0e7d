// A cluster with real kubelets in a simulated VPC: control plane, nodes with containerd, kubelet and kube-proxy, a stand-in for
// aws-node, and branchline by its chart. The process that starts one has a network and mounts of its own.
import { readFileSync } from "node:fs";
import { placeOf } from "../api/support/chart.ts";
import { startApiServer, type ApiServer } from "../ground/api-server.ts";
import type { ApiClient, KubernetesObject } from "../ground/kubernetes/client.ts";
import { kubectl } from "../ground/kubernetes/tools.ts";
import { eventually, type Outcome } from "../ground/run.ts";
import { callEc2 } from "../ground/simulated-ec2.ts";
import { systemImages } from "./images/images.ts";
import { nodeFiles } from "./node/files.ts";
import { EC2_PORT, SITE_ADDRESS } from "./site/gate.ts";
import { LocalSite } from "./site/local.ts";
import type { Machine, Site } from "./site/site.ts";
import { awsNode } from "./system/aws-node.ts";
import { coredns } from "./system/coredns.ts";
import { chartValues, helmBranchline } from "./system/branchline.ts";
import { CONTROL_PLANE, worldText, type WorldOptions } from "./world.ts";

/** The first address of the subnet that EC2 gives. */
const CONTROL_PLANE_ADDRESS = "10.0.0.4";
export const API_PORT = 6443;
const ETCD_PORT = 2379;
/** Where nodes reach the API server and EC2. */
const API_URL = `https://${CONTROL_PLANE_ADDRESS}:${API_PORT}`;
const EC2_URL = `http://${CONTROL_PLANE_ADDRESS}:${EC2_PORT}`;

export interface ClusterOptions {
  /** How many nodes; 1 unless told. */
  readonly nodes?: number;
  readonly world?: Omit<WorldOptions, "nodes">;
  /** Keys of our entry in the nodes' lists. */
  readonly entry?: object;
  /** Names outside of the cluster that its DNS answers, with the machines of the VPC that have them. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Archives of more images. */
  readonly images?: readonly string[];
  /** More of each kubelet's configuration. */
  readonly kubelet?: object;
  /** Hears what is done, as it is done. */
  readonly say?: (line: string) => void;
}

export class Cluster implements AsyncDisposable {
  readonly api: ApiServer;
  readonly site: Site;
  readonly nodes: readonly string[];
  readonly #options: ClusterOptions;
  readonly #images: readonly string[];
  #parts: AsyncDisposable | undefined;

  private constructor(
    {
      api,
      site,
      images,
    }: { readonly api: ApiServer; readonly site: Site; readonly images: readonly string[] },
    nodes: readonly string[],
    options: ClusterOptions,
  ) {
    this.api = api;
    this.site = site;
    this.nodes = nodes;
    this.#images = images;
    this.#options = options;
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { nodes: count = 1, world = {}, say = () => undefined } = options;
    const nodes = Array.from({ length: count }, (_, i) => `node-${i + 1}`);
    await using stack = new AsyncDisposableStack();
    const ports = [ETCD_PORT, API_PORT];
    say("control plane and VPC");
    const [api, site, images] = await allEnded([
      startApiServer({
        nodesAddress: CONTROL_PLANE_ADDRESS,
        // Nobody else is in this network.
        port: () => Promise.resolve(ports.shift() ?? 0),
        // The API server has no kube-proxy: it asks a webhook's pods themselves.
        flags: { "kube-apiserver": ["--enable-aggregator-routing"] },
      }).then((one) => stack.use(one)),
      LocalSite.open({
        world: worldText({ ...world, nodes }),
        api: { address: SITE_ADDRESS, port: API_PORT },
      }).then((one) => stack.use(one)),
      systemImages(),
    ]);
    const cluster = new Cluster(
      { api, site, images: [...images, ...(options.images ?? [])] },
      nodes,
      options,
    );
    const machines = await site.machines();
    const controlPlane = machines.find(({ name }) => name === CONTROL_PLANE);
    if (controlPlane?.address !== CONTROL_PLANE_ADDRESS)
      throw new Error(`the control plane is at ${controlPlane?.address}, not at ${CONTROL_PLANE_ADDRESS}`);
    say(`${nodes.join(", ")} boot`);
    const addressOf = (machine: string) => machines.find(({ name }) => name === machine)?.address ?? "";
    const hosts = Object.entries(options.hosts ?? {}).map(([name, machine]) => [name, addressOf(machine)]);
    await cluster.apply(...awsNode(), ...coredns(Object.fromEntries(hosts)));
    await allEnded([
      ...nodes.map((name) => cluster.boot(name)),
      helmBranchline(api.adminKubeconfig, "install", chartValues(EC2_URL, options.entry)),
    ]);
    say("waiting for the nodes to be ready, with agent and trunk");
    try {
      await cluster.isReady();
      await cluster.#dnsAnswers();
    } catch (error) {
      throw new Error(`${String(error)}\n${await cluster.report()}`, { cause: error });
    }
    say("ready");
    cluster.#parts = stack.move();
    return cluster;
  }

  get admin(): ApiClient {
    return this.api.admin;
  }

  /** Ids of security groups, by their names. */
  async groupIds(...names: readonly string[]): Promise<readonly string[]> {
    const { groups } = await this.site.dump();
    return names.map((name) => {
      const found = groups.find((group) => group.name === name);
      if (found === undefined) throw new Error(`no security group "${name}"`);
      return found.id;
    });
  }

  /** Boots a node, for the first time or again. */
  async boot(name: string): Promise<void> {
    const machine = await this.machine(name);
    const user = (subject: { readonly user: string; readonly groups?: readonly string[] }) =>
      this.api.kubeconfigTextFor(subject, API_URL);
    const files = nodeFiles({
      name,
      address: machine.address,
      instance: machine.instance,
      ca: this.api.ca,
      kubelet: await user({ user: `system:node:${name}`, groups: ["system:nodes"] }),
      kubeProxy: await user({ user: "system:kube-proxy" }),
      cgroupV1: /^[1-9]\d*:(.*,)?memory/m.test(readFileSync("/proc/self/cgroup", "utf8")),
      ...(this.#options.kubelet !== undefined && { more: this.#options.kubelet }),
    });
    await this.site.startNode(name, { files, images: this.#images });
  }

  /** Upgrades branchline's chart, with other keys of our entry, and waits until the agents have it. */
  async upgrade(entry: object): Promise<void> {
    await helmBranchline(this.api.adminKubeconfig, "upgrade", chartValues(EC2_URL, entry));
    const { status, stdout, stderr } = await this.kubectl(
      "rollout status -n kube-system daemonset/branchline-agent --timeout=100s".split(" "),
    );
    if (status !== 0) throw new Error(stdout + stderr);
  }

  /** Switches a node off and on: its disk is the same, its network is made anew with the interfaces that it had. */
  async reboot(name: string): Promise<void> {
    const { instance } = await this.machine(name);
    await this.site.killNode(name);
    const params = { "InstanceId.1": instance };
    const state = async () => (await this.site.dump()).instances.find(({ id }) => id === instance)?.state;
    for (const [action, wanted] of [
      ["StopInstances", "stopped"],
      ["StartInstances", "running"],
    ] as const) {
      await callEc2(this.site.ec2, action, params);
      await eventually(`${name} is ${wanted}`, async () => ((await state()) === wanted ? true : undefined));
      // Answers when the kernel has followed.
      await this.site.control("GET", "data-plane");
    }
    await this.boot(name);
  }

  /** A machine of the VPC by its name. */
  async machine(name: string): Promise<Machine> {
    const found = (await this.site.machines()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`no instance "${name}" runs`);
    return found;
  }

  /** Waits until each node is ready, has no taint of ours, and can have branches. */
  async isReady(nodes = this.nodes, timeout = 120_000): Promise<void> {
    for (const name of nodes) {
      let lacks = "";
      try {
        await eventually(
          `${name} is ready`,
          async () => {
            await this.site.checkNode(name);
            lacks = await this.#lacks(name);
            return lacks === "" ? true : undefined;
          },
          timeout,
        );
      } catch (error) {
        throw new Error(`${String(error)}: ${lacks}`, { cause: error });
      }
    }
  }

  async #dnsAnswers(): Promise<void> {
    const path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns";
    const ready = async () =>
      (await this.admin.get(path)).status?.["readyReplicas"] === 1 ? true : undefined;
    await eventually("CoreDNS", ready, 60_000);
  }

  async #lacks(name: string): Promise<string> {
    const { status, body } = await this.admin.request("GET", `/api/v1/nodes/${name}`);
    if (status !== 200) return "kubelet has not registered it";
    const node = body as {
      readonly spec: { readonly taints?: readonly { readonly key: string }[] };
      readonly status: {
        readonly allocatable?: Readonly<Record<string, string>>;
        readonly conditions?: readonly {
          readonly type: string;
          readonly status: string;
          readonly message: string;
        }[];
      };
    };
    const ready = node.status.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "True") return ready?.message ?? "kubelet has said nothing yet";
    const taints = node.spec.taints ?? [];
    if (taints.length > 0) return `taints ${taints.map(({ key }) => key).join(", ")}`;
    return Number(node.status.allocatable?.["vpc.amazonaws.com/pod-eni"] ?? 0) > 0
      ? ""
      : "no room for branches";
  }

  /** Applies objects in their order, each where it belongs. */
  async apply(...objects: readonly object[]): Promise<void> {
    for (const object of objects as readonly KubernetesObject[])
      await this.admin.patch(`${placeOf(object)}?fieldManager=test&force=true`, "apply", object);
  }

  /** kubectl as one who may do everything. */
  kubectl(args: readonly string[], input?: string): Promise<Outcome> {
    return kubectl(args, {
      kubeconfig: this.api.adminKubeconfig,
      timeout: 120_000,
      ...(input !== undefined && { input }),
    });
  }

  /** What one looks at first when something does not start. */
  async report(): Promise<string> {
    const looks = [
      ["get", "nodes,pods", "-A", "-o", "wide"],
      ["get", "events", "-A", "--sort-by=.lastTimestamp"],
      ["logs", "-n", "kube-system", "--tail=10", "-l", "k8s-app=kube-dns"],
      ["logs", "-n", "kube-system", "--tail=10", "-l", "app.kubernetes.io/name=branchline"],
    ] as const;
    const said = await Promise.all(
      looks.map(async (args) => {
        const { stdout, stderr } = await this.kubectl(args);
        return `$ kubectl ${args.join(" ")}\n${stdout}${stderr}`;
      }),
    );
    const logs = await Promise.all(
      this.nodes.flatMap((node) =>
        ["kubelet.log", "kube-proxy.log"].map(async (log) => {
          const text = await this.site.nodeLog(node, log).catch(String);
          return `${node}: ${log}\n${text.trimEnd().split("\n").slice(-10).join("\n")}`;
        }),
      ),
    );
    return [...said, ...logs].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts?.[Symbol.asyncDispose]();
  }
}

/** Promise.all, but that a failure waits for the others: what they have made is then known, and goes. */
async function allEnded<T extends readonly unknown[]>(promises: {
  readonly [I in keyof T]: Promise<T[I]>;
}): Promise<T> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
