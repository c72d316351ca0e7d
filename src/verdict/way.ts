import { familyOf } from "../values/ip.ts";
import type { End } from "./facts.ts";
import { toNodeLocal } from "./node-local.ts";
import type { AddressPlace, NodePlace, Place, PodPlace, Source } from "./places.ts";

/** Which way packets take, by the datapaths (docs/datapaths.md): by whose interfaces, or not through the VPC at all. */

export type Way =
  /** Over the node alone: no groups decide. `source`: the address that the other end sees. */
  | { readonly kind: "node"; readonly why: string; readonly source: string }
  | VpcWay
  /** There is none, whatever the groups say. */
  | { readonly kind: "none"; readonly why: string }
  /** It depends on what is not known here. */
  | { readonly kind: "unknown"; readonly why: string };

/** From one interface to another: their groups decide, whoever has sent it. */
export interface VpcWay {
  readonly kind: "vpc";
  readonly from: End;
  readonly to: End;
  /** Answers go back through the VPC, or over the node alone. */
  readonly answers: "vpc" | "node";
  /** Where answers go; undefined for Linux's ephemeral ports. */
  readonly answersTo?: { readonly from: number; readonly to: number };
  /** A node that must not have early demultiplexing of these on, as one of the ends is a socket of its own. */
  readonly demux?: { readonly node: NodePlace; readonly protocols: readonly ("tcp" | "udp")[] };
  readonly notes: readonly string[];
}

/** What `through` is told besides the ends. */
type Details = Partial<Pick<VpcWay, "answers" | "answersTo" | "demux">>;

type Destination = Exclude<Place, { readonly kind: "node-local" }>;

/** What a node's masquerading chooses from (`--random-fully`). */
const NAT_PORTS = { from: 1024, to: 65_535 } as const;

/** `service`: the destination is one endpoint of a ClusterIP Service, by whose address it is called. */
export function wayOf(from: Source, to: Place, service: boolean): Way {
  if (to.kind === "node-local") return toNodeLocal(from, to);
  if (to.kind === "address" && to.isInVpc && to.end.interface.known && to.end.interface.value === undefined) {
    return {
      kind: "unknown",
      why: `no interface of the VPC has ${to.end.address}; if EC2 itself serves it, as it does its resolver, no groups are asked`,
    };
  }
  switch (from.kind) {
    case "address":
      return service ? outside() : fromAddress(from, to);
    case "node":
      return fromNode(from, to, service);
    case "pod":
      return service ? throughService(from, to) : fromPod(from, to);
  }
}

function outside(): Way {
  return { kind: "none", why: "only the nodes of the cluster know the addresses of its Services" };
}

function fromAddress(from: AddressPlace, to: Destination): Way {
  return through(from.end, to.end, []);
}

function fromNode(from: NodePlace, to: Destination, service: boolean): Way {
  if (to.kind === "node" && to.name === from.name) return overNode("it is the node itself", from.end);
  if (to.kind !== "pod" || to.node.name !== from.name) return through(from.end, to.end, []);
  if (to.attachment !== "routed strict")
    return overNode("the node reaches its own pods by their veths", from.end);
  if (to.isInAmbientMesh === true)
    return {
      kind: "none",
      why: "in Istio's ambient mode the node calls from a link-local address, which the VPC does not carry",
    };
  // A Service's address is none of the pod's: its answers belong to no socket of the node when they come by the veth.
  const demux: Details = service ? {} : { demux: { node: from, protocols: ["tcp", "udp"] } };
  return through(
    from.end,
    to.end,
    ["in strict mode the node, kubelet's probes too, reaches the pod through the VPC"],
    demux,
  );
}

/** A pod by its own address. */
function fromPod(from: PodPlace, to: Destination): Way {
  if (to.kind === "pod" && to.name === from.name) return overNode("it is the pod itself", from.end);
  switch (from.attachment) {
    case "none":
      return fromNodeAddress(from.end, from.node, to);
    case "direct":
      if (isOwnNode(from, to))
        return overNode("a direct pod reaches its own node by host0", from.host0 ?? from.end);
      return through(from.end, to.end, []);
    case "routed standard":
      return fromStandard(from, to);
    case "routed strict":
      if (!isOwnNode(from, to)) return through(from.end, to.end, []);
      return through(from.end, to.end, ["in strict mode the pod reaches its own node through the VPC"], {
        demux: { node: from.node, protocols: ["tcp"] },
      });
  }
}

/** From an address of the node's interfaces, which the node forwards: of a pod without a branch, or of host0. */
function fromNodeAddress(from: End, node: NodePlace, to: Destination): Way {
  if (to.kind === "node" && to.name === node.name) return overNode("it is the pod's own node", from);
  if (to.kind !== "pod" || to.node.name !== node.name) return outOfNode(from, node, to);
  if (to.attachment === "none" || to.attachment === "routed standard")
    return overNode("both pods are on the node's own routes", from);
  return through(from, to.end, []);
}

function fromStandard(from: PodPlace, to: Destination): Way {
  if (isOwnNode(from, to)) return overNode("in standard mode a pod reaches its node over the veth", from.end);
  const isNeighbour = to.kind === "pod" && to.node.name === from.node.name;
  if (isNeighbour && (to.attachment === "none" || to.attachment === "routed standard"))
    return overNode("in standard mode traffic between pods of a node does not leave it", from.end);
  return outOfNode(from.end, from.node, to);
}

/** A direct pod calls Services from host0, so that kube-proxy on the node sees it; a routed one over its veth. */
function throughService(from: PodPlace, to: Destination): Way {
  const isItself = to.kind === "pod" && to.name === from.name;
  if (from.node.kubeProxy === "ipvs" && !isItself) {
    const end = ofIpvs(from, to);
    if (end !== undefined) return end;
  }
  if (from.attachment === "none")
    return isItself ? overNode("it is the pod itself", from.node.end) : fromPod(from, to);
  if (from.attachment !== "direct") {
    if (isItself) return overNode("the Service leads back to the pod over its veth", from.node.end);
    if (from.attachment === "routed standard" && isOutside(to))
      return through(from.end, to.end, [
        "kube-proxy translates it before the node marks what leaves the VPC: it leaves by the branch, with the branch's address",
      ]);
    // As with the node's own calls: the node's sockets know the pod by another port.
    const { demux: _, ...way } = { demux: undefined, ...fromPod(from, to) };
    return way;
  }
  if (isItself)
    return through(from.node.end, to.end, ["the node calls for the pod, with its own address"], {
      answers: "node",
    });
  if (from.host0 === undefined) return { kind: "none", why: "the direct pod has no address on host0" };
  const way = fromNodeAddress(from.host0, from.node, to);
  if (way.kind !== "vpc") return way;
  return { ...way, notes: ["a direct pod calls Services from host0, by its node's interface", ...way.notes] };
}

/** kube-proxy's IPVS asks for the way to an endpoint as if the node were the client: to a direct pod by its veth. */
function ofIpvs(from: PodPlace, to: Destination): Way | undefined {
  if (to.kind !== "pod" || to.node.name !== from.node.name || to.attachment !== "direct") return undefined;
  if (familyOf(to.end.address) === 4)
    return {
      kind: "none",
      why: "kube-proxy in IPVS mode sends it to host0 of the direct pod, which drops it",
    };
  return {
    kind: "unknown",
    why: "kube-proxy in IPVS mode sends it past the direct pod's groups, and answers take another way",
  };
}

/** What leaves the VPC may get the node's address; over IPv6 it does not. */
function outOfNode(from: End, node: NodePlace, to: Destination): Way {
  if (!isOutside(to) || !node.doesNat || familyOf(to.end.address) === 6) return through(from, to.end, []);
  return through(
    node.end,
    to.end,
    ["what leaves the VPC has the node's address, and is under the node's groups"],
    { answersTo: NAT_PORTS },
  );
}

function isOutside(to: Destination): boolean {
  return to.kind === "address" && !to.isInVpc;
}

function isOwnNode(from: PodPlace, to: Destination): boolean {
  return to.kind === "node" && to.name === from.node.name;
}

function overNode(why: string, { address }: Pick<End, "address">): Way {
  return { kind: "node", why, source: address };
}

function through(from: End, to: End, notes: readonly string[], details: Details = {}): Way {
  const [own, other] = [from.interface, to.interface];
  const isSame = own.known && other.known && own.value !== undefined && own.value.id === other.value?.id;
  if (isSame)
    return overNode(
      `both addresses are of ${own.value?.id ?? ""}, and no groups decide within an interface`,
      from,
    );
  return { kind: "vpc", from, to, answers: "vpc", notes, ...details };
}
