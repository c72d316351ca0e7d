import { AnnotationError, decodeBranch, decodeIdentity, POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import type { BranchAddress, BranchIdentity } from "../ipam/annotation.ts";
import { type Fields, fieldsOf, itemsOf, textOf } from "../kubernetes/fields.ts";
import { PODS, type Pod } from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Scope } from "../kubernetes/client.ts";
import { type Api, getFact, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** Pods, of which a cluster has many: no more than what somebody reads. */

export interface PodFact {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Empty until it is scheduled. */
  readonly node: string;
  readonly serviceAccount: string;
  readonly usesHostNetwork: boolean;
  /** It has a limit for vpc.amazonaws.com/pod-eni. */
  readonly asksForBranch: boolean;
  /** Pending, Running, Succeeded, Failed or Unknown. */
  readonly phase: string;
  readonly isReady: boolean;
  readonly isBeingDeleted: boolean;
  /** Times are RFC 3339, to the second. */
  readonly createdAt: string;
  /** Undefined until it is bound to a node. */
  readonly scheduledAt: string | undefined;
  /** When its network was ready; undefined while it is not. Of a kubelet that does not say: when a container first started. */
  readonly networkAt: string | undefined;
  /** status.podIPs. */
  readonly addresses: readonly string[];
  /** Of its annotation; undefined without one. */
  readonly branch: PodBranch | UnreadableBranch | undefined;
  /** Only of a pod with a branch, or that asks for one. */
  readonly probes: readonly Probe[];
  /** Only of a pod with a branch, or that asks for one. */
  readonly ports: readonly ContainerPort[];
  /** Such as ReplicaSet/web-5d4f; undefined for a bare pod. */
  readonly owner: string | undefined;
  /** As `Pod` of src/kubernetes has it. */
  readonly enforces: Pod["enforces"];
}

/** A branch as the pod's annotation names it. */
export interface PodBranch {
  readonly readable: true;
  readonly eniId: string;
  readonly mac: string;
  readonly vlanId: number;
  /** None when they are incomplete. */
  readonly addresses: readonly BranchAddress[];
}

export interface UnreadableBranch {
  readonly readable: false;
  /** What is wrong with it, in one line. */
  readonly why: string;
}

/** A probe of kubelet's that arrives by the network. */
export interface Probe {
  readonly kind: "liveness" | "readiness" | "startup";
  readonly protocol: "http" | "tcp" | "grpc";
  /** Of a named port that no container has: undefined. */
  readonly port: number | undefined;
}

export interface ContainerPort {
  readonly name: string | undefined;
  readonly port: number;
  /** TCP, UDP or SCTP. */
  readonly protocol: string;
}

/** Those of a namespace, or all. */
export function readPods(api: Api, namespace?: string): Promise<Fact<readonly PodFact[]>> {
  return listFact(api, POD_FACTS, namespace === undefined ? {} : { namespace });
}

/** Such as those of a node, by a field selector. */
export function readPodsOf(api: Api, scope: Scope): Promise<Fact<readonly PodFact[]>> {
  return listFact(api, POD_FACTS, scope);
}

/** Undefined: there is none of that name. */
export function readPod(api: Api, namespace: string, name: string): Promise<Fact<PodFact | undefined>> {
  return getFact(api, POD_FACTS, { namespace, name });
}

export function isFinished({ phase }: Pick<PodFact, "phase">): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

/** It asks for a branch and has a network of its own, and is not finished. */
export function wantsBranch(pod: PodFact): boolean {
  return pod.asksForBranch && !pod.usesHostNetwork && !isFinished(pod);
}

const NONE: readonly never[] = [];

export const POD_FACTS: Resource<PodFact> = {
  ...PODS,
  read(object) {
    const { metadata, ...pod } = PODS.read(object);
    const { metadata: meta, spec, status } = fieldsOf(object);
    const conditions = itemsOf(fieldsOf(status)["conditions"]).map(fieldsOf);
    const annotation = metadata.annotations[POD_ENI_ANNOTATION];
    const isOurs = annotation !== undefined || pod.asksForBranch;
    const containers = isOurs ? itemsOf(fieldsOf(spec)["containers"]).map(fieldsOf) : NONE;
    const ports = containers.flatMap(portsOf);
    return {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      labels: metadata.labels,
      node: pod.node,
      serviceAccount: pod.serviceAccount,
      usesHostNetwork: pod.usesHostNetwork,
      asksForBranch: pod.asksForBranch,
      phase: pod.phase,
      isReady: timeOf(conditions, "Ready") !== undefined,
      isBeingDeleted: metadata.deletionTimestamp !== undefined,
      createdAt: metadata.creationTimestamp,
      scheduledAt: timeOf(conditions, "PodScheduled"),
      networkAt: networkOf(conditions, fieldsOf(status)),
      addresses: itemsOf(fieldsOf(status)["podIPs"]).flatMap((one) => textOf(fieldsOf(one)["ip"]) ?? []),
      branch: annotation === undefined ? undefined : branchOf(annotation),
      probes: containers.flatMap((container) => probesOf(container, ports)),
      ports,
      owner: ownerOf(fieldsOf(meta)),
      enforces: pod.enforces,
    };
  },
};

/** When a condition became true; undefined unless it is. */
function timeOf(conditions: readonly Fields[], wanted: string): string | undefined {
  const found = conditions.find(({ type, status }) => type === wanted && status === "True");
  return found === undefined ? undefined : (textOf(found["lastTransitionTime"]) ?? "");
}

function networkOf(conditions: readonly Fields[], status: Fields): string | undefined {
  const isSaid = conditions.some(({ type }) => type === "PodReadyToStartContainers");
  if (isSaid) return timeOf(conditions, "PodReadyToStartContainers");
  const all = [...itemsOf(status["initContainerStatuses"]), ...itemsOf(status["containerStatuses"])];
  return all.flatMap(startsOf).toSorted()[0];
}

function startsOf(container: unknown): string[] {
  const { running, terminated } = fieldsOf(fieldsOf(container)["state"]);
  return [running, terminated].flatMap((one) => textOf(fieldsOf(one)["startedAt"]) ?? []);
}

/** What an annotation says; never throws. */
export function branchOf(annotation: string): PodBranch | UnreadableBranch {
  const whole = attempt(() => decodeBranch(annotation));
  if (!(whole instanceof AnnotationError)) return readableBranch(whole, whole.addresses);
  // With addresses that are incomplete it still names its branch.
  const identity = attempt(() => decodeIdentity(annotation));
  if (identity instanceof AnnotationError) return { readable: false, why: identity.message };
  return readableBranch(identity, NONE);
}

function readableBranch(
  { eniId, mac, vlanId }: BranchIdentity,
  addresses: readonly BranchAddress[],
): PodBranch {
  return { readable: true, eniId, mac, vlanId, addresses };
}

function attempt<T>(decode: () => T): T | AnnotationError {
  try {
    return decode();
  } catch (error) {
    if (error instanceof AnnotationError) return error;
    throw error;
  }
}

/** Of a container. */
export function portsOf(container: Fields): ContainerPort[] {
  return itemsOf(container["ports"])
    .map(fieldsOf)
    .flatMap(({ name, containerPort, protocol }) =>
      typeof containerPort === "number"
        ? [{ name: textOf(name), port: containerPort, protocol: textOf(protocol) ?? "TCP" }]
        : [],
    );
}

/** Of a container; `ports` are those of all its pod's, as a probe may name one. */
export function probesOf(container: Fields, ports: readonly ContainerPort[]): Probe[] {
  return (["liveness", "readiness", "startup"] as const).flatMap((kind) => {
    const probe = fieldsOf(container[`${kind}Probe`]);
    return (
      [
        ["http", "httpGet"],
        ["tcp", "tcpSocket"],
        ["grpc", "grpc"],
      ] as const
    ).flatMap(([protocol, key]) => {
      if (probe[key] === undefined) return [];
      const { port } = fieldsOf(probe[key]);
      const named = ports.find(({ name }) => name !== undefined && name === port)?.port;
      return [{ kind, protocol, port: typeof port === "number" ? port : named }];
    });
  });
}

function ownerOf(metadata: Fields): string | undefined {
  const owner = itemsOf(metadata["ownerReferences"])
    .map(fieldsOf)
    .find(({ controller }) => controller === true);
  return owner && `${textOf(owner["kind"]) ?? ""}/${textOf(owner["name"]) ?? ""}`;
}
