// A cluster with the chart as it is installed without EKS, and a controller that API servers find by its Service.
import type { Answer, ApiClient, KubernetesObject } from "../../ground/kubernetes/client.ts";
import { eventually } from "../../ground/run.ts";
import { LEAST, mustHelm, valuesOf } from "./chart.ts";
import { CLUSTER, ControlledCluster, POD_ENI } from "./controlled-cluster.ts";
import { denialOf } from "./guarded.ts";
import type { RunningPart } from "./running-part.ts";

export const RELEASE = { name: "branchline", namespace: "kube-system" };
export const VALUES = valuesOf({
  ...LEAST,
  entry: { serviceCIDRs: ["10.96.0.0/16"], exemptNamespaces: ["legacy"] },
  crds: { install: true },
  controller: { enabled: true, clusterName: CLUSTER, mode: "standalone" },
});
const SERVICE = "/api/v1/namespaces/kube-system/services/branchline-controller";

/** On loopback, where a listener takes the place of kube-proxy. */
export const SERVICES = "127.96.0.0/16";

/** Far more than anything takes on a busy machine. */
export const SOON_MS = 120_000;

interface AdmittedOptions {
  readonly nodes?: number;
  /** As arguments of helm. */
  readonly values?: readonly string[];
  /** Hears each line of the simulator's log. */
  readonly hear?: (line: string) => void;
}

export class AdmittedCluster implements AsyncDisposable {
  readonly cluster: ControlledCluster;
  /** The controller's, with the chart's rights. */
  readonly kubeconfig: string;
  /** Of the Service. */
  readonly address: string;

  private constructor(cluster: ControlledCluster, kubeconfig: string, address: string) {
    this.cluster = cluster;
    this.kubeconfig = kubeconfig;
    this.address = address;
  }

  /** With other values of the chart, if any are given: all of them. */
  static async start({ nodes = 1, values = VALUES, hear }: AdmittedOptions = {}): Promise<AdmittedCluster> {
    const serve = [`--service-cluster-ip-range=${SERVICES}`];
    const cluster = await ControlledCluster.start({
      nodes,
      crds: false,
      serve,
      ...(hear !== undefined && { hear }),
    });
    try {
      await mustHelm(cluster.server, RELEASE, "install", ...values);
      const { spec } = await cluster.admin.get(SERVICE);
      const kubeconfig = await cluster.server.kubeconfigOf("kube-system", "branchline-controller");
      return new AdmittedCluster(cluster, kubeconfig, String(spec?.["clusterIP"]));
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get admin(): ApiClient {
    return this.cluster.admin;
  }

  /** A replica; only one can have the Service's address. */
  controller(webhook: readonly string[] = ["--webhook-listen", `${this.address}:443`]): RunningPart {
    return this.cluster.controller([...webhook, "--lease-duration", "10s"], this.kubeconfig);
  }

  /** Two replicas, of which the one that serves does not lead. */
  async twoControllers(): Promise<readonly [leader: RunningPart, serving: RunningPart]> {
    const leader = this.controller([]);
    await eventually(
      "the first one leads",
      async () => ((await leader.health("readyz")).text.includes("[+]Leading") ? true : undefined),
      SOON_MS,
    );
    return [leader, this.controller()];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

export interface Wanted {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly object[];
  readonly account?: string;
  readonly spec?: object;
}

/** A pod is created by a dry run, which passes through all of admission. */
export function review(client: ApiClient, wanted: Wanted): Promise<Answer> {
  const { namespace = "shop", account = "default", spec = {}, ...metadata } = wanted;
  return client.request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    metadata: { name: "pod", ...metadata },
    spec: { serviceAccountName: account, containers: [{ name: "c", image: "c" }], ...spec },
  });
}

interface Pod extends KubernetesObject {
  readonly spec: {
    readonly containers: readonly [
      { readonly resources: Readonly<Record<string, Readonly<Record<string, string>>>> },
    ];
  };
}

/** What the pod asks for in the end, or who denied it; with anything else it fails. */
export function outcomeOf(answer: Answer): string {
  const denial = denialOf(answer);
  if (denial !== undefined) return `${denial.policy}: ${denial.message}`;
  if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return askedBy(answer.body as KubernetesObject);
}

/** Limit and request of its first container. */
export function askedBy(pod: KubernetesObject | undefined): string {
  const { limits, requests } = (pod as Pod).spec.containers[0].resources;
  return `${limits?.[POD_ENI] ?? "none"}, ${requests?.[POD_ENI] ?? "none"}`;
}
