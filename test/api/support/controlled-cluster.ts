import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { type ApiServer, startApiServer } from "../../ground/api-server.ts";
import { applyCrds } from "../../ground/kubernetes/crds.ts";
import { eventually } from "../../ground/run.ts";
import { RunningPart } from "./running-part.ts";

const OURS = path.resolve(import.meta.dirname, "../../../dist/branchline");
/** A world of thousands of instances takes some seconds. */
const START_MS = 60_000;

export const CLUSTER = "blue";
export const POD_ENI = "vpc.amazonaws.com/pod-eni";

/** An ENI as the simulator's dump has it. */
export interface DumpedInterface {
  readonly id: string;
  readonly type: string;
  readonly groups: readonly string[];
  readonly association?: string;
  readonly subnet: string;
  readonly attachment?: {
    readonly instance: string;
    readonly status: string;
    readonly deleteOnTermination: boolean;
  };
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

export interface DumpedAssociation {
  readonly id: string;
  readonly branch: string;
  readonly trunk: string;
  readonly vlan: number;
}

export interface Dump {
  readonly interfaces: readonly DumpedInterface[];
  readonly associations: readonly DumpedAssociation[];
  readonly instances: readonly { readonly id: string; readonly state: string }[];
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

export interface ClusterOptions {
  readonly nodes: number;
  readonly type?: string;
  /** Of the subnet of nodes and branches. */
  readonly cidr?: string;
  /** Of the simulator's world: settings as in its world file. */
  readonly settings?: object;
  /** More flags of the API server. */
  readonly serve?: readonly string[];
  /** Whether our CRDs are there; true unless told. */
  readonly crds?: boolean;
  /** More flags of the simulator. */
  readonly simulate?: readonly string[];
  /** Hears each line of the simulator's log. */
  readonly hear?: (line: string) => void;
}

export interface PodOptions {
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly namespace?: string;
  readonly wantsBranch?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
  /** As of a Deployment. */
  readonly owner?: boolean;
}

const EC2_TRIES = 5;

/** A map as a snapshot writes it. */
interface Mapped {
  readonly map: readonly (readonly [string, unknown])[];
}

/** An API server of its own, an EC2 of its own, and Nodes without kubelets that are instances there. */
export class ControlledCluster implements AsyncDisposable {
  readonly server: ApiServer;
  readonly ec2: string;
  readonly control: string;
  private readonly controllers: RunningPart[] = [];
  private readonly stopSimulator: () => Promise<void>;

  private constructor(
    server: ApiServer,
    simulator: { readonly ec2: string; readonly control: string; readonly stop: () => Promise<void> },
  ) {
    this.server = server;
    this.ec2 = simulator.ec2;
    this.control = simulator.control;
    this.stopSimulator = simulator.stop;
  }

  static async start(options: ClusterOptions) {
    const { nodes, type = "m5.large", settings = {}, serve = [], crds = true, simulate = [] } = options;
    // Without a controller manager no pod is collected because its node is not alive.
    const flags = ["--disable-admission-plugins=ServiceAccount", ...serve];
    const simulator = await startSimulator(
      worldOf(nodes, type, settings, options.cidr),
      simulate,
      options.hear,
    );
    let server: ApiServer;
    try {
      server = await startApiServer({ flags: { "kube-apiserver": flags } });
    } catch (error) {
      await simulator.stop();
      throw error;
    }
    const cluster = new ControlledCluster(server, simulator);
    try {
      if (crds) await applyCrds(server.admin);
      await cluster.makeNamespace("shop");
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get admin() {
    return this.server.admin;
  }

  async makeNamespace(name: string): Promise<void> {
    await this.admin.create("/api/v1/namespaces", { metadata: { name } });
  }

  async dump(): Promise<Dump> {
    const { world } = (await (await fetch(`${this.control}/dump`)).json()) as {
      readonly world: Record<string, Mapped>;
    };
    const listOf = <T>(name: string) => (world[name]?.map ?? []).map(([, value]) => value as T);
    return {
      interfaces: listOf<DumpedInterface>("interfaces"),
      associations: listOf<DumpedAssociation>("associations"),
      instances: listOf<Dump["instances"][number]>("instances"),
      groups: listOf<Dump["groups"][number]>("groups"),
    };
  }

  async post(what: string, body: object): Promise<void> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${this.control}/${what}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`POST /${what}: ${answer.status} ${await answer.text()}`);
  }

  async clearFaults(): Promise<void> {
    await fetch(`${this.control}/faults`, { method: "DELETE" });
  }

  /** Holds the next call of the action, or its answer. */
  async hold(action: string, after: boolean): Promise<void> {
    await this.post("holds", { action, after });
  }

  async heldCalls(): Promise<readonly { readonly action: string; readonly after: boolean }[]> {
    const answer = await fetch(`${this.control}/holds`);
    return ((await answer.json()) as { held: { action: string; after: boolean }[] }).held;
  }

  async letGo(): Promise<void> {
    await fetch(`${this.control}/holds`, { method: "DELETE" });
  }

  /** A call of EC2 by whoever runs the cluster, not by its controller; as the AWS CLI it tries again what EC2 failed to do. */
  async callEc2(action: string, params: Readonly<Record<string, string>>): Promise<string> {
    const body = new URLSearchParams({ Action: action, Version: "2016-11-15", ...params });
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(this.ec2, { method: "POST", body });
      const text = await answer.text();
      if (answer.ok) return text;
      if (answer.status < 500 || tries === EC2_TRIES) throw new Error(`${action}: ${answer.status} ${text}`);
    }
  }

  async groupId(name: string): Promise<string> {
    return (await this.dump()).groups.find((group) => group.name === name)?.id ?? "";
  }

  /** A Node that is the n-th instance, as its kubelet and its agent leave it. */
  async addNode(name: string, index: number, type = "m5.large"): Promise<string> {
    const { instances } = await this.dump();
    const instance = instances[index]?.id ?? "";
    await this.admin.create("/api/v1/nodes", {
      metadata: {
        name,
        labels: { "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": type },
      },
      spec: { providerID: `aws:///us-east-1a/${instance}` },
    });
    await this.admin.request(
      "PATCH",
      `/api/v1/nodes/${name}/status`,
      { status: { addresses: [{ type: "InternalIP", address: "10.0.0.4" }], capacity: { pods: "110" } } },
      { "content-type": "application/merge-patch+json" },
    );
    return instance;
  }

  /** What the node's agent does once its list stands. */
  async declareFeature(node: string): Promise<void> {
    const url = `/apis/vpcresources.k8s.aws/v1alpha1/cninodes/${node}`;
    await eventually(
      `the CNINode ${node}`,
      async () => ((await this.admin.request("GET", url)).status === 200 ? true : undefined),
      START_MS,
    );
    const patch = { spec: { features: [{ name: "SecurityGroupsForPods", value: "" }] } };
    const { status, body } = await this.admin.request("PATCH", url, patch, {
      "content-type": "application/merge-patch+json",
    });
    if (status !== 200) throw new Error(`the feature is not taken: ${status} ${JSON.stringify(body)}`);
  }

  async createPolicy(
    name: string,
    labels: Readonly<Record<string, string>>,
    groups: readonly string[],
    namespace = "shop",
  ) {
    await this.admin.create(
      `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`,
      {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name },
        spec: { podSelector: { matchLabels: labels }, securityGroups: { groupIds: groups } },
      },
    );
  }

  /** Bound to its node at once. Gives its UID. */
  async createPod(
    name: string,
    {
      node,
      labels = { app: "web" },
      namespace = "shop",
      wantsBranch = true,
      annotations,
      owner = false,
    }: PodOptions,
  ) {
    const resources = wantsBranch ? { limits: { [POD_ENI]: "1" }, requests: { [POD_ENI]: "1" } } : {};
    const { metadata } = await this.admin.create(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: {
        name,
        labels,
        ...(annotations !== undefined && { annotations }),
        ...(owner && {
          ownerReferences: [
            { apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "r-uid", controller: true },
          ],
        }),
      },
      spec: {
        ...(node !== undefined && { nodeName: node }),
        terminationGracePeriodSeconds: 0,
        containers: [{ name: "c", image: "i", resources }],
      },
    });
    return metadata.uid;
  }

  async deletePod(name: string, namespace = "shop"): Promise<void> {
    await this.admin.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
  }

  async pod(name: string, namespace = "shop"): Promise<PodObject | undefined> {
    const { status, body } = await this.admin.request("GET", `/api/v1/namespaces/${namespace}/pods/${name}`);
    return status === 200 ? (body as PodObject) : undefined;
  }

  /** Waits for its annotation, and gives the branch in it. */
  async annotated(name: string, namespace = "shop", timeout = 30_000): Promise<AnnotatedBranch> {
    return eventually(
      `the annotation of ${namespace}/${name}`,
      async () => {
        const text = (await this.pod(name, namespace))?.metadata.annotations?.[POD_ENI];
        return text === undefined ? undefined : (JSON.parse(text) as [AnnotatedBranch])[0];
      },
      timeout,
    );
  }

  /** `branchline controller`, with a Lease of two seconds and without warm branches unless told. */
  controller(args: readonly string[] = [], kubeconfig = this.server.adminKubeconfig): RunningPart {
    const flags = [
      ["--cluster-name", CLUSTER],
      ["--kubeconfig", kubeconfig],
      ["--lease-duration", "2s"],
      ["--webhook-listen", ""],
      ["--health-listen", "127.0.0.1:0"],
      ["--metrics-listen", "127.0.0.1:0"],
      ["--warm-target", "0"],
    ].flat();
    const running = new RunningPart({
      args: ["controller", ...flags, ...args],
      env: {
        PATH: process.env["PATH"],
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "AKIACONTROLLER",
        AWS_SECRET_ACCESS_KEY: "secret",
        AWS_ENDPOINT_URL_EC2: this.ec2,
        AWS_EC2_METADATA_DISABLED: "true",
      },
    });
    this.controllers.push(running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.controllers.map((one) => one[Symbol.asyncDispose]()));
    await this.stopSimulator();
    await this.server.stop();
  }
}

export interface PodObject {
  readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
}

/** The annotation's first entry. */
export interface AnnotatedBranch {
  readonly eniId: string;
  readonly vlanId: number;
  readonly associationID: string;
  readonly privateIp: string;
  readonly subnetCidr: string;
}

function worldOf(nodes: number, type: string, settings: object, cidr = "10.0.0.0/18"): string {
  const instances = Array.from({ length: nodes }, (_, i) => ({
    name: `i${i}`,
    type,
    subnet: "nodes",
    groups: ["node"],
  }));
  // JSON is YAML.
  return JSON.stringify({
    region: "us-east-1",
    settings: { attachSeconds: 0.2, detachSeconds: 0.2, instanceSeconds: 0.2, ...settings },
    vpcs: [
      {
        name: "main",
        cidr: "10.0.0.0/16",
        subnets: [{ name: "nodes", cidr, zone: "us-east-1a" }],
        groups: ["node", "web", "db"].map((name) => ({ name })),
        instances,
      },
    ],
  });
}

async function startSimulator(world: string, flags: readonly string[], hear?: (line: string) => void) {
  const directory = mkdtempSync(path.join(tmpdir(), "branchline-world-"));
  const file = path.join(directory, "world.yaml");
  writeFileSync(file, world);
  const child = spawn(OURS, ["simulate", "--listen", "127.0.0.1:0", "--world", file, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (data: Buffer) => {
    log = (log + data.toString()).slice(-4_000);
  });
  if (hear !== undefined) createInterface(child.stderr).on("line", hear);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL"))
      await once(child, "exit");
    rmSync(directory, { recursive: true, force: true });
  };
  const limit = AbortSignal.timeout(START_MS);
  try {
    const [line] = (await once(createInterface(child.stdout), "line", { signal: limit })) as [string];
    return { ...(JSON.parse(line) as { ec2: string; control: string }), stop };
  } catch (error) {
    await stop();
    throw new Error(`the simulator does not start: ${log}`, { cause: error });
  }
}
