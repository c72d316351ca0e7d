import type { End } from "./facts.ts";
import type { NodePlace, Place, PodPlace } from "./places.ts";

/** Which way packets take, by the datapaths (docs/datapaths.md): by whose interfaces, or not through the VPC at all. */

export type Way =
  /** Over the node alone: no groups decide. */
  | { readonly kind: "node"; readonly why: string }
  /** From one interface to another: their groups decide, whoever has sent it. */
  | { readonly kind: "vpc"; readonly from: End; readonly to: End; readonly notes: readonly string[] }
  /** There is none, whatever the groups say. */
  | { readonly kind: "none"; readonly why: string };

/** `service`: the destination is one endpoint of a ClusterIP Service, by whose address it is called. */
export function wayOf(from: Place, to: Place, service: boolean): Way {
  switch (from.kind) {
    case "address":
      return fromAddress(from.end, to);
    case "node":
      return fromNode(from, to);
    case "pod":
      return service ? throughService(from, to) : fromPod(from, to);
  }
}

function fromAddress(from: End, to: Place): Way {
  return through(from, to.end);
}

function fromNode(from: NodePlace, to: Place): Way {
  if (to.kind === "node" && to.name === from.name) return overNode("it is the node itself");
  if (to.kind !== "pod" || to.node.name !== from.name) return through(from.end, to.end);
  if (to.attachment !== "routed strict") return overNode("the node reaches its own pods by their veths");
  return through(
    from.end,
    to.end,
    "in strict mode the node, kubelet's probes too, reaches the pod through the VPC",
  );
}

/** A pod by its own address. */
function fromPod(from: PodPlace, to: Place): Way {
  switch (from.attachment) {
    case "none":
      return fromNodeAddress(from.end, from.node, to);
    case "direct":
      if (isOwnNode(from, to)) return overNode("a direct pod reaches its own node by host0");
      return through(from.end, to.end);
    case "routed standard":
      return fromStandard(from, to);
    case "routed strict":
      return through(from.end, to.end);
  }
}

/** From an address of the node's interfaces, which the node forwards: of a pod without a branch, or of host0. */
function fromNodeAddress(from: End, node: NodePlace, to: Place): Way {
  if (to.kind === "node" && to.name === node.name) return overNode("it is the pod's own node");
  if (to.kind !== "pod" || to.node.name !== node.name) return outOfNode(from, node, to);
  if (to.attachment === "none" || to.attachment === "routed standard")
    return overNode("both pods are on the node's own routes");
  return through(from, to.end);
}

function fromStandard(from: PodPlace, to: Place): Way {
  if (isOwnNode(from, to)) return overNode("in standard mode a pod reaches its node over the veth");
  const isNeighbour = to.kind === "pod" && to.node.name === from.node.name;
  if (isNeighbour && (to.attachment === "none" || to.attachment === "routed standard"))
    return overNode("in standard mode traffic between pods of a node does not leave it");
  return outOfNode(from.end, from.node, to);
}

/** A direct pod calls Services from host0, so that kube-proxy on the node sees it; a routed one over its veth. */
function throughService(from: PodPlace, to: Place): Way {
  const isItself = to.kind === "pod" && to.name === from.name;
  if (from.attachment === "none") return isItself ? overNode("it is the pod itself") : fromPod(from, to);
  if (from.attachment !== "direct") {
    if (isItself) return overNode("the Service leads back to the pod over its veth");
    return fromPod(from, to);
  }
  if (isItself) return through(from.node.end, to.end, "the node calls for the pod, with its own address");
  if (from.host0 === undefined) return { kind: "none", why: "the direct pod has no address on host0" };
  const way = fromNodeAddress(from.host0, from.node, to);
  if (way.kind !== "vpc") return way;
  return { ...way, notes: ["a direct pod calls Services from host0, by its node's interface", ...way.notes] };
}

/** What leaves the VPC may get the node's address. */
function outOfNode(from: End, node: NodePlace, to: Place): Way {
  const leaves = to.kind === "address" && !to.isInVpc;
  if (!leaves || !node.doesNat) return through(from, to.end);
  return through(
    node.end,
    to.end,
    "what leaves the VPC has the node's address, and is under the node's groups",
  );
}

function isOwnNode(from: PodPlace, to: Place): boolean {
  return to.kind === "node" && to.name === from.node.name;
}

function overNode(why: string): Way {
  return { kind: "node", why };
}

function through(from: End, to: End, ...notes: readonly string[]): Way {
  const [own, other] = [from.interface, to.interface];
  const isSame = own.known && other.known && own.value !== undefined && own.value.id === other.value?.id;
  if (isSame)
    return overNode(`both addresses are of ${own.value?.id ?? ""}, and no groups decide within an interface`);
  return { kind: "vpc", from, to, notes };
}
