import { AnnotationError, decodeIdentity, POD_ENI_ANNOTATION } from "../ipam/annotation.ts";
import { fieldsOf, isFields, itemsOf, textOf, textsByKey } from "../kubernetes/fields.ts";
import { type KubernetesObject, readMetadata } from "../kubernetes/metadata.ts";
import {
  CNI_NODES,
  INSTANCE_ANNOTATION,
  NODES,
  POD_ENI,
  PODS,
  SECURITY_GROUP_POLICIES,
  type SecurityGroupPolicyObject,
  TRUNK_ANNOTATION,
} from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { ConnectionTracking } from "../ec2/types.ts";
import type { Claim } from "./facts.ts";
import { canonical } from "./canonical.ts";
import { type TimedCondition, timesOf } from "./conditions.ts";

/** What the controller keeps of objects: of 50,000 pods each field counts. */

export interface SeenPod extends KubernetesObject {
  readonly node: string;
  readonly serviceAccount: string;
  readonly wantsBranch: boolean;
  readonly usesHostNetwork: boolean;
  readonly isFinished: boolean;
  readonly hasOwner: boolean;
  readonly hasAnnotations: boolean;
  readonly claim: Claim | "unreadable" | undefined;
  /** Of its pod-eni annotation as it is. */
  readonly annotation: string | undefined;
  /** It runs, or its network is ready. */
  readonly runs: boolean;
  /** It runs, and none of its addresses is its branch's: the annotation came after its network. */
  readonly isElsewhere: boolean;
  /** It is the agent of its node, and Ready. */
  readonly isReadyAgent: boolean;
}

/** By which the chart labels the agent's pods. */
const AGENT_LABELS = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };

export const SEEN_PODS: Resource<SeenPod> = {
  ...PODS,
  read(object) {
    const pod = PODS.read(object);
    const { metadata } = pod;
    const annotation = metadata.annotations[POD_ENI_ANNOTATION];
    const runs = pod.phase === "Running" || isTrue(object, "PodReadyToStartContainers");
    const isAgent = Object.entries(AGENT_LABELS).every(([key, value]) => metadata.labels[key] === value);
    return {
      metadata: { ...metadata, annotations: {} },
      node: pod.node,
      serviceAccount: pod.serviceAccount,
      wantsBranch: pod.asksForBranch && !pod.usesHostNetwork,
      usesHostNetwork: pod.usesHostNetwork,
      isFinished: pod.phase === "Succeeded" || pod.phase === "Failed",
      hasOwner: pod.hasOwner,
      hasAnnotations: isFields(fieldsOf(fieldsOf(object)["metadata"])["annotations"]),
      claim: annotation === undefined ? undefined : claimOf(annotation),
      annotation,
      runs,
      isElsewhere: runs && annotation !== undefined && isElsewhere(object, annotation),
      isReadyAgent: isAgent && isTrue(object, "Ready"),
    };
  },
};

function isTrue(object: unknown, condition: string): boolean {
  const conditions = itemsOf(fieldsOf(fieldsOf(object)["status"])["conditions"]).map(fieldsOf);
  return conditions.some(({ type, status }) => type === condition && status === "True");
}

/** Before its addresses are told nobody can say. */
function isElsewhere(object: unknown, annotation: string): boolean {
  const has = itemsOf(fieldsOf(fieldsOf(object)["status"])["podIPs"]).flatMap(
    (one) => textOf(fieldsOf(one)["ip"]) ?? [],
  );
  const own = branchAddresses(annotation);
  return has.length > 0 && own.length > 0 && !has.some((one) => own.includes(one));
}

function branchAddresses(annotation: string): readonly string[] {
  if (claimOf(annotation) === "unreadable") return [];
  const [first] = itemsOf(JSON.parse(annotation));
  const { privateIp, ipv6Addr } = fieldsOf(first);
  return [textOf(privateIp), textOf(ipv6Addr)].flatMap((one) =>
    one === undefined || one === "" ? [] : [one],
  );
}

/** The branch that an annotation names. */
export function claimOf(annotation: string): Claim | "unreadable" {
  try {
    const { eniId, vlanId, mac } = decodeIdentity(annotation);
    const [first] = itemsOf(JSON.parse(annotation));
    return { eniId, vlanId, mac, associationId: textOf(fieldsOf(first)["associationID"]) };
  } catch (error) {
    if (error instanceof AnnotationError) return "unreadable";
    throw error;
  }
}

export interface SeenNode extends KubernetesObject {
  /** Of spec.providerID; undefined for a node that is no EC2 instance. */
  readonly instance: string | undefined;
  readonly isLinux: boolean;
  readonly isIpv6: boolean;
  readonly instanceType: string | undefined;
  readonly capacity: number | undefined;
  readonly allocatable: number | undefined;
  readonly isTainted: boolean;
  readonly trunkAnnotation: string | undefined;
}

export const AGENT_TAINT = "branchline.dev/agent-not-ready";

export const SEEN_NODES: Resource<SeenNode> = {
  ...NODES,
  read(object) {
    const metadata = readMetadata(object);
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    const status = fieldsOf(fieldsOf(object)["status"]);
    const { labels } = metadata;
    const addresses = itemsOf(status["addresses"]).map(fieldsOf);
    const internal = addresses.find(({ type }) => type === "InternalIP");
    return {
      metadata: { ...metadata, annotations: {} },
      instance: /\/(i-[0-9a-f]{8,17})$/.exec(textOf(spec["providerID"]) ?? "")?.[1],
      isLinux: labels["kubernetes.io/os"] === "linux",
      isIpv6: (textOf(internal?.["address"]) ?? "").includes(":"),
      instanceType: labels["node.kubernetes.io/instance-type"],
      capacity: quantityOf(status["capacity"]),
      allocatable: quantityOf(status["allocatable"]),
      isTainted: itemsOf(spec["taints"]).some((taint) => fieldsOf(taint)["key"] === AGENT_TAINT),
      trunkAnnotation: metadata.annotations[TRUNK_ANNOTATION],
    };
  },
};

function quantityOf(quantities: unknown): number | undefined {
  const quantity = fieldsOf(quantities)[POD_ENI];
  return quantity === undefined ? undefined : Number(quantity);
}

export interface SeenCniNode extends KubernetesObject {
  readonly ownerUid: string | undefined;
  readonly instance: string | undefined;
  readonly managedBy: string | undefined;
  readonly asksForTrunk: boolean;
  readonly eniConfig: string | undefined;
  readonly tracking: ConnectionTracking | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Canonical JSON, without the times of its conditions. */
  readonly status: string;
}

export const SEEN_CNI_NODES: Resource<SeenCniNode> = {
  ...CNI_NODES,
  read(object) {
    const { metadata, features, managedBy } = CNI_NODES.read(object);
    const owners = itemsOf(fieldsOf(fieldsOf(object)["metadata"])["ownerReferences"]).map(fieldsOf);
    const status = fieldsOf(fieldsOf(object)["status"]);
    const featureOf = (name: string) => features?.find((feature) => feature.name === name);
    return {
      metadata: { ...metadata, annotations: {} },
      ownerUid: textOf(owners.find(({ kind }) => kind === "Node")?.["uid"]),
      instance: metadata.annotations[INSTANCE_ANNOTATION],
      managedBy,
      asksForTrunk: featureOf("SecurityGroupsForPods") !== undefined,
      eniConfig: featureOf("CustomNetworking")?.value,
      tracking: trackingOf(fieldsOf(status["nodeNetworkState"])["connectionTracking"]),
      tags: textsByKey(fieldsOf(fieldsOf(object)["spec"])["tags"]),
      status: canonical({ ...status, conditions: conditionsOf(status["conditions"]) }),
    };
  },
};

function conditionsOf(conditions: unknown): unknown {
  if (!Array.isArray(conditions)) return undefined;
  return conditions.map((one) => ({ ...fieldsOf(one), lastTransitionTime: undefined }));
}

function trackingOf(value: unknown): ConnectionTracking | undefined {
  if (!isFields(value)) return undefined;
  const secondsOf = (name: string) => (typeof value[name] === "number" ? value[name] : undefined);
  const [tcpEstablished, udp, udpStream] = ["tcpEstablishedTimeout", "udpTimeout", "udpStreamTimeout"].map(
    secondsOf,
  );
  return {
    ...(tcpEstablished !== undefined && { tcpEstablished }),
    ...(udp !== undefined && { udp }),
    ...(udpStream !== undefined && { udpStream }),
  };
}

export interface SeenPolicy extends SecurityGroupPolicyObject {
  /** Of its spec; 0 where the API server does not count. */
  readonly generation: number;
  /** Canonical JSON, without the times of its conditions. */
  readonly status: string;
  readonly times: readonly TimedCondition[];
}

export const SEEN_POLICIES: Resource<SeenPolicy> = {
  ...SECURITY_GROUP_POLICIES,
  read(object) {
    const { metadata, policy } = SECURITY_GROUP_POLICIES.read(object);
    const { generation } = fieldsOf(fieldsOf(object)["metadata"]);
    const status = fieldsOf(fieldsOf(object)["status"]);
    return {
      metadata: { ...metadata, annotations: {}, labels: {} },
      policy,
      generation: typeof generation === "number" ? generation : 0,
      status: canonical({ ...status, conditions: conditionsOf(status["conditions"]) }),
      times: timesOf(status),
    };
  },
};

export interface SeenEniConfig extends KubernetesObject {
  readonly subnet: string;
  readonly groups: readonly string[];
}

/** Of aws-node's custom networking. */
export const ENI_CONFIGS: Resource<SeenEniConfig> = {
  group: "crd.k8s.amazonaws.com",
  version: "v1alpha1",
  plural: "eniconfigs",
  kind: "ENIConfig",
  isNamespaced: false,
  read(object) {
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    return {
      metadata: readMetadata(object),
      subnet: textOf(spec["subnet"]) ?? "",
      groups: itemsOf(spec["securityGroups"]).flatMap((group) => textOf(group) ?? []),
    };
  },
};
