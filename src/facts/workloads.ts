import { type Fields, fieldsOf, itemsOf, textOf } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** DaemonSets and Deployments: branchline's, aws-node, kube-proxy, CoreDNS. */

export interface WorkloadFact {
  readonly kind: "DaemonSet" | "Deployment";
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly usesHostNetwork: boolean;
  readonly containers: readonly ContainerFact[];
  /** Pods that there should be, that are of the newest template, and that are Ready. */
  readonly desired: number;
  readonly updated: number;
  readonly ready: number;
}

export interface ContainerFact {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  /** Only those with a value of their own. */
  readonly env: Readonly<Record<string, string>>;
}

/** All of the cluster: there are few. */
export function readDaemonSets(api: Api): Promise<Fact<readonly WorkloadFact[]>> {
  return listFact(api, DAEMON_SETS);
}

/** Those with the labels, such as `app.kubernetes.io/name=branchline`. */
export function readDeployments(api: Api, labelSelector: string): Promise<Fact<readonly WorkloadFact[]>> {
  return listFact(api, DEPLOYMENTS, { labelSelector });
}

export const BRANCHLINE = "app.kubernetes.io/name=branchline";
export const COREDNS = "k8s-app=kube-dns";

const DAEMON_SETS: Resource<WorkloadFact> = {
  group: "apps",
  version: "v1",
  plural: "daemonsets",
  kind: "DaemonSet",
  isNamespaced: true,
  read(object) {
    const status = fieldsOf(fieldsOf(object)["status"]);
    return {
      kind: "DaemonSet",
      ...templateOf(object),
      desired: countOf(status["desiredNumberScheduled"]),
      updated: countOf(status["updatedNumberScheduled"]),
      ready: countOf(status["numberReady"]),
    };
  },
};

const DEPLOYMENTS: Resource<WorkloadFact> = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  isNamespaced: true,
  read(object) {
    const { spec, status } = fieldsOf(object);
    return {
      kind: "Deployment",
      ...templateOf(object),
      desired: countOf(fieldsOf(spec)["replicas"]),
      updated: countOf(fieldsOf(status)["updatedReplicas"]),
      ready: countOf(fieldsOf(status)["readyReplicas"]),
    };
  },
};

function templateOf(object: unknown) {
  const { namespace, name, labels } = readMetadata(object);
  const template = fieldsOf(fieldsOf(fieldsOf(object)["spec"])["template"]);
  const spec = fieldsOf(template["spec"]);
  return {
    namespace,
    name,
    labels,
    serviceAccount: textOf(spec["serviceAccountName"]) ?? "default",
    usesHostNetwork: spec["hostNetwork"] === true,
    containers: itemsOf(spec["containers"]).map((one) => containerOf(fieldsOf(one))),
  };
}

function containerOf({ name, image, args, command, env }: Fields): ContainerFact {
  return {
    name: textOf(name) ?? "",
    image: textOf(image) ?? "",
    args: [...itemsOf(command), ...itemsOf(args)].flatMap((one) => textOf(one) ?? []),
    env: Object.fromEntries(
      itemsOf(env)
        .map(fieldsOf)
        .flatMap((one) => {
          const value = textOf(one["value"]);
          return value === undefined ? [] : [[textOf(one["name"]) ?? "", value] as const];
        }),
    ),
  };
}

function countOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** The value of `--flag=value`, or of `--flag` and the argument after it; undefined without it. */
export function flagOf({ args }: ContainerFact, flag: string): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (arg === flag) return args[index + 1];
    if (arg.startsWith(`${flag}=`)) return arg.slice(flag.length + 1);
  }
  return undefined;
}
