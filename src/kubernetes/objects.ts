import type { LabelSelector, Requirement } from "../policy/label-selector.ts";
import type { SecurityGroupPolicy } from "../policy/security-group-policy.ts";
import { fieldsOf, isFields, itemsOf, textOf, textsByKey, type Fields } from "./fields.ts";
import { type KubernetesObject, readMetadata } from "./metadata.ts";
import type { Resource } from "./resource.ts";

/** The resources that we use, with what we keep of their objects. */

/** The extended resource by which a pod asks for a branch. */
export const POD_ENI = "vpc.amazonaws.com/pod-eni";
/** Of a Node: which ENI is its trunk, written by our controller. */
export const TRUNK_ANNOTATION = "branchline.dev/trunk";
/** Of a CNINode: the instance for which it was made. */
export const INSTANCE_ANNOTATION = "branchline.dev/instance-id";

export interface Pod extends KubernetesObject {
  /** Empty until it is scheduled. */
  readonly node: string;
  readonly serviceAccount: string;
  readonly usesHostNetwork: boolean;
  /** Some container, init containers included, has a limit of POD_ENI. */
  readonly asksForBranch: boolean;
  /** Pending, Running, Succeeded, Failed or Unknown. */
  readonly phase: string;
  /**
   * When one of its containers, init containers included, was started last, as kubelet has told it: RFC 3339, to the second.
   * Undefined if none was.
   */
  readonly startedAt: string | undefined;
  /** Whether a controller owns it, which would make another. */
  readonly hasOwner: boolean;
  /**
   * It is an agent that enforces NetworkPolicies on the veths of its node. `own`: and policies of its own kinds too, such as
   * Calico's GlobalNetworkPolicy, which we do not read.
   */
  readonly enforces: "standard" | "own" | undefined;
}

export const PODS: Resource<Pod> = {
  group: "",
  version: "v1",
  plural: "pods",
  kind: "Pod",
  isNamespaced: true,
  read(object) {
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    const containers = [...itemsOf(spec["containers"]), ...itemsOf(spec["initContainers"])];
    const owners = itemsOf(fieldsOf(fieldsOf(object)["metadata"])["ownerReferences"]);
    const status = fieldsOf(fieldsOf(object)["status"]);
    return {
      metadata: readMetadata(object),
      node: textOf(spec["nodeName"]) ?? "",
      // The API server fills it in; without the admission plugin it is this.
      serviceAccount: textOf(spec["serviceAccountName"]) ?? "default",
      usesHostNetwork: spec["hostNetwork"] === true,
      asksForBranch: containers.some(hasBranchLimit),
      phase: textOf(status["phase"]) ?? "",
      // Texts of one form are in the order of their times.
      startedAt: [...itemsOf(status["containerStatuses"]), ...itemsOf(status["initContainerStatuses"])]
        .flatMap(startsOf)
        .toSorted()
        .at(-1),
      hasOwner: owners.some((owner) => fieldsOf(owner)["controller"] === true),
      // What does so on the node's ends is in the node's network; anybody can set a label.
      enforces: spec["hostNetwork"] === true ? enforcedBy(object, itemsOf(spec["containers"])) : undefined,
    };
  },
};

/** When a container was started, as its status says. */
function startsOf(container: unknown): string[] {
  const { state, lastState } = fieldsOf(container);
  const states = [
    fieldsOf(state)["running"],
    fieldsOf(state)["terminated"],
    fieldsOf(lastState)["terminated"],
  ];
  return states.flatMap((one) => textOf(fieldsOf(one)["startedAt"]) ?? []);
}

/** By the label k8s-app. */
const ENFORCERS: Readonly<Record<string, Pod["enforces"]>> = {
  "calico-node": "own",
  cilium: "own",
  "kube-router": "standard",
};
/** Of aws-node's second container, whose agent is always there and enforces only with this. */
const AWS_FLAG = "--enable-network-policy=true";

function enforcedBy(pod: unknown, containers: readonly unknown[]): Pod["enforces"] {
  const app = readMetadata(pod).labels["k8s-app"] ?? "";
  if (Object.hasOwn(ENFORCERS, app)) return ENFORCERS[app];
  if (app !== "aws-node") return undefined;
  // It has ClusterNetworkPolicies as well.
  return containers.some((container) => itemsOf(fieldsOf(container)["args"]).includes(AWS_FLAG))
    ? "own"
    : undefined;
}

/** Limit or request of POD_ENI. */
export function hasBranchLimit(container: unknown): boolean {
  const resources = fieldsOf(fieldsOf(container)["resources"]);
  const limit = fieldsOf(resources["limits"])[POD_ENI] ?? fieldsOf(resources["requests"])[POD_ENI];
  // A quantity, as text or number. The API server takes whole numbers only; zero asks for nothing.
  return limit !== undefined && Number(limit) !== 0;
}

export interface SecurityGroupPolicyObject extends KubernetesObject {
  readonly policy: SecurityGroupPolicy;
}

export const SECURITY_GROUP_POLICIES: Resource<SecurityGroupPolicyObject> = {
  group: "vpcresources.k8s.aws",
  version: "v1beta1",
  plural: "securitygrouppolicies",
  kind: "SecurityGroupPolicy",
  isNamespaced: true,
  read(object) {
    const metadata = readMetadata(object);
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    const podSelector = readSelector(spec["podSelector"]);
    const serviceAccountSelector = readSelector(spec["serviceAccountSelector"]);
    return {
      metadata,
      policy: {
        namespace: metadata.namespace,
        name: metadata.name,
        ...(podSelector !== undefined && { podSelector }),
        ...(serviceAccountSelector !== undefined && { serviceAccountSelector }),
        groups: itemsOf(fieldsOf(spec["securityGroups"])["groupIds"]).flatMap((group) => textOf(group) ?? []),
      },
    };
  },
};

/** A metav1.LabelSelector; undefined when absent or null. */
export function readSelector(value: unknown): LabelSelector | undefined {
  if (!isFields(value)) return undefined;
  return {
    matchLabels: textsByKey(value["matchLabels"]),
    matchExpressions: itemsOf(value["matchExpressions"]).map((one) => readRequirement(fieldsOf(one))),
  };
}

function readRequirement(requirement: Fields): Requirement {
  return {
    key: textOf(requirement["key"]) ?? "",
    operator: textOf(requirement["operator"]) ?? "",
    values: itemsOf(requirement["values"]).flatMap((value) => textOf(value) ?? []),
  };
}

export const SERVICE_ACCOUNTS: Resource<KubernetesObject> = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  isNamespaced: true,
  read: (object) => ({ metadata: readMetadata(object) }),
};

export interface NetworkPolicy extends KubernetesObject {
  readonly podSelector: LabelSelector;
}

export const NETWORK_POLICIES: Resource<NetworkPolicy> = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  kind: "NetworkPolicy",
  isNamespaced: true,
  read: (object) => ({
    metadata: readMetadata(object),
    // Required by the schema; an absent one would select every pod, as an empty one does.
    podSelector: readSelector(fieldsOf(fieldsOf(object)["spec"])["podSelector"]) ?? {},
  }),
};

/** A feature of a CNINode, such as SecurityGroupsForPods. */
export interface Feature {
  readonly name: string;
  readonly value: string;
}

/** Of `status.trunkInterface`; what is not there is undefined. */
export interface TrunkStatus {
  readonly id: string | undefined;
  readonly mac: string | undefined;
}

export interface CniNode extends KubernetesObject {
  readonly hasSpec: boolean;
  /** Undefined when spec.features is not there: a patch has to add the list first. */
  readonly features: readonly Feature[] | undefined;
  readonly managedBy: string | undefined;
  readonly trunk: TrunkStatus | undefined;
}

export const CNI_NODES: Resource<CniNode> = {
  group: "vpcresources.k8s.aws",
  version: "v1alpha1",
  plural: "cninodes",
  kind: "CNINode",
  isNamespaced: false,
  read(object) {
    const spec = fieldsOf(fieldsOf(object)["spec"]);
    const trunk = fieldsOf(fieldsOf(object)["status"])["trunkInterface"];
    const { features } = spec;
    return {
      metadata: readMetadata(object),
      hasSpec: isFields(fieldsOf(object)["spec"]),
      features: Array.isArray(features) ? features.map((one) => readFeature(fieldsOf(one))) : undefined,
      managedBy: textOf(spec["managedBy"]),
      trunk: isFields(trunk) ? readTrunk(trunk) : undefined,
    };
  },
};

function readFeature(feature: Fields): Feature {
  return { name: textOf(feature["name"]) ?? "", value: textOf(feature["value"]) ?? "" };
}

function readTrunk(trunk: Fields): TrunkStatus {
  return { id: textOf(trunk["id"]), mac: textOf(trunk["macAddress"]) };
}

export interface Node extends KubernetesObject {
  readonly isReady: boolean;
}

export const NODES: Resource<Node> = {
  group: "",
  version: "v1",
  plural: "nodes",
  kind: "Node",
  isNamespaced: false,
  read(object) {
    const conditions = itemsOf(fieldsOf(fieldsOf(object)["status"])["conditions"]).map(fieldsOf);
    return {
      metadata: readMetadata(object),
      isReady: conditions.some(({ type, status }) => type === "Ready" && status === "True"),
    };
  },
};
