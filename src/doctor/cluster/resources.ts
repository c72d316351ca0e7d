import { EVENT_FACTS } from "../../facts/events.ts";
import { NODE_FACTS } from "../../facts/nodes.ts";
import { POD_FACTS, type PodFact as SeenPod } from "../../facts/pods.ts";
import { fieldsOf, itemsOf, textOf, textsByKey } from "../../kubernetes/fields.ts";
import { readMetadata } from "../../kubernetes/metadata.ts";
import type { Resource } from "../../kubernetes/resource.ts";
import type { EventFact, NodeFact, PodFact } from "../facts.ts";

/** Objects of the API server as the checks have them, each with no more of it than they look at. */

const DATAPATH_ANNOTATION = "branchline.dev/datapath";

export const NODES: Resource<NodeFact> = {
  ...NODE_FACTS,
  read(object) {
    const { name, labels, instance, instanceType, region, isReady, addresses, allocatable, runtime } =
      NODE_FACTS.read(object);
    const info = textsByKey(fieldsOf(fieldsOf(object)["status"])["nodeInfo"]);
    return {
      name,
      os: labels["kubernetes.io/os"] ?? "",
      architecture: labels["kubernetes.io/arch"] ?? info["architecture"] ?? "",
      runtime,
      address: addresses[0],
      instanceType: instanceType ?? "",
      instance,
      region,
      isReady,
      allocatable,
    };
  },
};

export const PODS: Resource<PodFact> = {
  ...POD_FACTS,
  read(object) {
    const pod = POD_FACTS.read(object);
    const { annotations } = readMetadata(object);
    // An aggregate of many images is nobody's: only ours are compared.
    const isPart = pod.labels["app.kubernetes.io/name"] === "branchline";
    const containers = isPart ? itemsOf(fieldsOf(fieldsOf(object)["spec"])["containers"]) : [];
    return {
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      node: pod.node,
      labels: pod.labels,
      serviceAccount: pod.serviceAccount,
      usesHostNetwork: pod.usesHostNetwork,
      asksForBranch: pod.asksForBranch,
      phase: pod.phase,
      isReady: pod.isReady,
      createdAt: Date.parse(pod.createdAt),
      branch: branchOf(pod),
      datapath: annotations[DATAPATH_ANNOTATION],
      addresses: pod.addresses,
      probePorts: [...new Set(pod.probes.flatMap(({ port }) => port ?? []))],
      images: containers.flatMap((one) => textOf(fieldsOf(one)["image"]) ?? []),
      enforces: pod.enforces !== undefined,
    };
  },
};

function branchOf({ branch }: SeenPod): PodFact["branch"] {
  if (branch === undefined) return undefined;
  if (!branch.readable) return "unreadable";
  return {
    eni: branch.eniId,
    vlan: branch.vlanId,
    addresses: branch.addresses.map(({ address }) => address),
  };
}

export const EVENTS: Resource<EventFact> = {
  ...EVENT_FACTS,
  read(object) {
    const { about, reason, message, at } = EVENT_FACTS.read(object);
    const { count } = fieldsOf(object);
    const lastAt = Date.parse(at);
    return {
      on: `${about.kind} ${about.namespace === "" ? "" : `${about.namespace}/`}${about.name}`,
      reason,
      message,
      count: typeof count === "number" ? count : 1,
      lastAt: Number.isNaN(lastAt) ? 0 : lastAt,
    };
  },
};
