// Pods as people write them, and what became of them.
import { ApiError, type KubernetesObject } from "../../ground/kubernetes/client.ts";
import { eventually, type Outcome } from "../../ground/run.ts";
import type { Cluster } from "../cluster.ts";
import { serveCommand, toolsImage } from "../images/images.ts";

export const POD_ENI = "vpc.amazonaws.com/pod-eni";
/** On it pods serve HTTP. */
export const POD_PORT = 8080;

/** Milliseconds until a pod that nothing hinders is ready, on a busy machine. */
const READY_MS = 90_000;

export interface PodOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly node?: string;
  /** Serves HTTP unless told. */
  readonly command?: readonly string[];
  /** A probe that has to succeed before it is ready. */
  readonly probe?: object;
  /** More of the spec. */
  readonly spec?: object;
}

export interface PodStatus {
  readonly phase: string;
  readonly podIP?: string;
  readonly hostIP?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly message?: string;
  }[];
  readonly containerStatuses?: readonly { readonly restartCount: number; readonly state: object }[];
}

export interface Pod extends KubernetesObject {
  readonly status: Readonly<Record<string, unknown>> & PodStatus;
}

/** What the annotation says of a branch. */
export interface Branch {
  readonly eniId: string;
  readonly vlanId: number;
  readonly privateIp: string;
  readonly associationID: string;
}

/** A pod's spec, for pods and for templates. */
export function podSpec({ node, command = serveCommand(POD_PORT), probe, spec }: PodOptions = {}): object {
  return {
    ...(node !== undefined && { nodeSelector: { "kubernetes.io/hostname": node } }),
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "main",
        image: toolsImage,
        imagePullPolicy: "Never",
        command,
        ...(probe !== undefined && { readinessProbe: probe }),
      },
    ],
    ...spec,
  };
}

export const httpProbe = { httpGet: { path: "/", port: POD_PORT }, periodSeconds: 1, timeoutSeconds: 5 };
export const tcpProbe = { tcpSocket: { port: POD_PORT }, periodSeconds: 1, timeoutSeconds: 5 };

/** The pods of one namespace of a cluster. */
export class Pods {
  readonly #cluster: Cluster;
  readonly namespace: string;

  private constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
    this.namespace = namespace;
  }

  /** Makes the namespace. */
  static async in(cluster: Cluster, namespace: string): Promise<Pods> {
    await cluster.admin.create("/api/v1/namespaces", { metadata: { name: namespace } });
    await eventually(`the default service account of ${namespace}`, async () => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
      return (await cluster.admin.request("GET", path)).status === 200 ? true : undefined;
    });
    return new Pods(cluster, namespace);
  }

  path(name = ""): string {
    return `/api/v1/namespaces/${this.namespace}/pods${name === "" ? "" : `/${name}`}`;
  }

  /** A SecurityGroupPolicy for pods with these labels; groups by their names in the world. */
  async policy(
    name: string,
    matchLabels: Readonly<Record<string, string>>,
    ...groups: readonly string[]
  ): Promise<void> {
    await this.#cluster.apply({
      apiVersion: "vpcresources.k8s.aws/v1beta1",
      kind: "SecurityGroupPolicy",
      metadata: { name, namespace: this.namespace },
      spec: {
        podSelector: { matchLabels },
        securityGroups: { groupIds: await this.#cluster.groupIds(...groups) },
      },
    });
    // The API server's policies see it a moment later.
    await eventually(`${name} counts`, async () => {
      const { body } = await this.#cluster.admin.request("POST", `${this.path()}?dryRun=All`, {
        metadata: { generateName: "dry-", labels: matchLabels },
        spec: podSpec(),
      });
      return JSON.stringify(body).includes(POD_ENI) ? true : undefined;
    });
  }

  async create(name: string, options: PodOptions = {}): Promise<Pod> {
    const { labels = {}, annotations = {} } = options;
    return this.#cluster.admin.create<Pod>(this.path(), {
      metadata: { name, labels, annotations },
      spec: podSpec(options),
    });
  }

  async get(name: string): Promise<Pod> {
    return this.#cluster.admin.get<Pod>(this.path(name));
  }

  /** Of a label selector. */
  async list(selector = ""): Promise<readonly Pod[]> {
    return this.#cluster.admin.list<Pod>(`${this.path()}?labelSelector=${encodeURIComponent(selector)}`);
  }

  /** Waits until it is ready; else throws with what its events say. */
  async ready(name: string, timeout = READY_MS): Promise<Pod> {
    return this.until(name, "is ready", isReady, timeout);
  }

  async until(name: string, what: string, fits: (pod: Pod) => boolean, timeout = READY_MS): Promise<Pod> {
    try {
      return await eventually(
        `${name} ${what}`,
        async () => {
          const { status, body } = await this.#cluster.admin.request("GET", this.path(name));
          return status === 200 && fits(body as Pod) ? (body as Pod) : undefined;
        },
        timeout,
      );
    } catch (error) {
      throw new Error(`${String(error)}; its events:\n${(await this.events(name)).join("\n")}`, {
        cause: error,
      });
    }
  }

  /** `<reason>: <message>` of each event of an object of this name, oldest first. */
  async events(name: string): Promise<string[]> {
    const events = await this.#cluster.admin.list<{
      readonly reason: string;
      readonly message: string;
      readonly metadata: { readonly creationTimestamp: string };
    }>(`/api/v1/namespaces/${this.namespace}/events?fieldSelector=involvedObject.name=${name}`);
    return events
      .toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** Waits for an event of this reason, and gives its message. */
  async event(name: string, reason: string, timeout = 30_000): Promise<string> {
    return eventually(
      `the event ${reason} of ${name}`,
      async () => (await this.events(name)).find((event) => event.startsWith(`${reason}: `)),
      timeout,
    );
  }

  /** Deletes it and waits until the API server has it no more. */
  async remove(name: string): Promise<void> {
    const { uid } = (await this.get(name)).metadata;
    await this.#cluster.admin.delete(this.path(name));
    await eventually(
      `${name} is gone`,
      async () => {
        try {
          return (await this.get(name)).metadata.uid === uid ? undefined : true;
        } catch (error) {
          if (error instanceof ApiError && error.status === 404) return true;
          throw error;
        }
      },
      READY_MS,
    );
  }

  async exec(name: string, ...argv: readonly string[]): Promise<Outcome> {
    return this.#cluster.kubectl(["exec", "-n", this.namespace, name, "-c", "main", "--", ...argv]);
  }

  /** Addresses that the cluster's DNS gives to a pod for a name, which ends with a domain. */
  async resolve(name: string, host: string): Promise<readonly string[]> {
    const { stdout } = await this.exec(name, "nslookup", "-type=a", host);
    const [, answers = ""] = stdout.split("\n\n");
    return [...answers.matchAll(/^Address: (\S+)$/gm)].map(([, address = ""]) => address);
  }

  /** What a server answers to a pod: `<its name> <the pod's address as it sees it>`, or why it does not, as `timed out`. */
  async ask(name: string, address: string, port = POD_PORT): Promise<string> {
    const { stdout, stderr } = await this.exec(name, "ask", address, String(port));
    const said = stdout.trim();
    if (said === "") throw new Error(`exec in ${name}: ${stderr.trim()}`);
    return said;
  }
}

export function isReady({ status: { conditions = [] } }: Pod): boolean {
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** The branch in a pod's annotation. */
export function branchOf({ metadata }: KubernetesObject): Branch | undefined {
  const text = metadata.annotations?.[POD_ENI];
  return text === undefined ? undefined : (JSON.parse(text) as [Branch])[0];
}
