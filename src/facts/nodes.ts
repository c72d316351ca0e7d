import { fieldsOf, itemsOf, textOf, textsByKey } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import { NODES, POD_ENI, TRUNK_ANNOTATION } from "../kubernetes/objects.ts";
import { NODE } from "../kubernetes/protobuf/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, getFact, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

export interface NodeFact {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** i-…, of spec.providerID; undefined for a node that is no EC2 instance. */
  readonly instance: string | undefined;
  /** Of the node's labels; undefined without them. */
  readonly instanceType: string | undefined;
  readonly zone: string | undefined;
  readonly region: string | undefined;
  readonly isReady: boolean;
  readonly isLinux: boolean;
  /** Of type InternalIP, in their order. */
  readonly addresses: readonly string[];
  /** Of vpc.amazonaws.com/pod-eni; undefined: not there. */
  readonly capacity: number | undefined;
  readonly allocatable: number | undefined;
  /** Keys, such as branchline.dev/agent-not-ready. */
  readonly taints: readonly string[];
  /** The annotation branchline.dev/trunk. */
  readonly trunkAnnotation: string | undefined;
  /** Empty when kubelet does not say. */
  readonly kernel: string;
  readonly kubelet: string;
  readonly runtime: string;
}

export function readNodes(api: Api): Promise<Fact<readonly NodeFact[]>> {
  // Most of a Node are the names of its images.
  return listFact(api, { ...NODE_FACTS, message: NODE });
}

/** Undefined: there is none of that name. */
export function readNode(api: Api, name: string): Promise<Fact<NodeFact | undefined>> {
  return getFact(api, NODE_FACTS, { name });
}

export const NODE_FACTS: Resource<NodeFact> = {
  ...NODES,
  read(object) {
    const { name, uid, labels, annotations } = readMetadata(object);
    const { spec, status } = fieldsOf(object);
    const { addresses, capacity, allocatable, nodeInfo } = fieldsOf(status);
    const info = textsByKey(nodeInfo);
    return {
      name,
      uid,
      labels,
      instance: /\/(i-[0-9a-f]{8,17})$/.exec(textOf(fieldsOf(spec)["providerID"]) ?? "")?.[1],
      instanceType: labels["node.kubernetes.io/instance-type"],
      zone: labels["topology.kubernetes.io/zone"],
      region: labels["topology.kubernetes.io/region"],
      isReady: NODES.read(object).isReady,
      isLinux: labels["kubernetes.io/os"] === "linux",
      addresses: itemsOf(addresses)
        .map(fieldsOf)
        .flatMap(({ type, address }) => (type === "InternalIP" ? (textOf(address) ?? []) : [])),
      capacity: quantityOf(capacity),
      allocatable: quantityOf(allocatable),
      taints: itemsOf(fieldsOf(spec)["taints"]).flatMap((taint) => textOf(fieldsOf(taint)["key"]) ?? []),
      trunkAnnotation: annotations[TRUNK_ANNOTATION],
      kernel: info["kernelVersion"] ?? "",
      kubelet: info["kubeletVersion"] ?? "",
      runtime: info["containerRuntimeVersion"] ?? "",
    };
  },
};

function quantityOf(quantities: unknown): number | undefined {
  const quantity = fieldsOf(quantities)[POD_ENI];
  return quantity === undefined ? undefined : Number(quantity);
}
