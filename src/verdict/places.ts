import type { Labels } from "../policy/label-selector.ts";
import type { End, Known } from "./facts.ts";

/** Where connections begin and end in a cluster. */

/** How a pod is connected: `none` has an address of its node's interfaces, the others have a branch. */
export type Attachment = "none" | "direct" | "routed standard" | "routed strict";

export interface PodPlace {
  readonly kind: "pod";
  /** NAMESPACE/NAME. */
  readonly name: string;
  readonly attachment: Attachment;
  /** Its address, and the interface that has it: the branch, or one of its node's. */
  readonly end: End;
  /** The primary plugin's address, which a direct pod keeps on host0; undefined for others. */
  readonly host0: End | undefined;
  readonly node: NodePlace;
  readonly labels: Labels;
  /** Ports of its containers that have names: NetworkPolicies may name them. Undefined: not known. */
  readonly namedPorts?: readonly NamedPort[];
  /** Istio's ambient mode: kubelet's probes come from 169.254.7.127. */
  readonly isInAmbientMesh?: boolean;
  /** Of a direct pod: the settings of the plugin's entry; undefined for the usual ones. */
  readonly hostRoutes?: readonly string[];
  /** The same; undefined: they contain the Service's address. */
  readonly serviceCidrs?: readonly string[];
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
}

export interface NodePlace {
  readonly kind: "node";
  readonly name: string;
  /** Its primary address and interface. */
  readonly end: End;
  /** What leaves the VPC gets the node's address: aws-node without AWS_VPC_K8S_CNI_EXTERNALSNAT. */
  readonly doesNat: boolean;
  /** Its sysctls tcp_early_demux and udp_early_demux, of which the first is on unless somebody has switched it off. */
  readonly earlyDemux: Known<EarlyDemux>;
  /** Undefined for iptables or nftables, which are the same here. */
  readonly kubeProxy?: "ipvs";
}

export interface EarlyDemux {
  readonly tcp: boolean;
  readonly udp: boolean;
}

/** A database, a machine, a host on the internet. */
export interface AddressPlace {
  readonly kind: "address";
  /** As it was asked for, such as orders.example.com. */
  readonly name: string;
  readonly end: End;
  readonly isInVpc: boolean;
}

/** What each node has for itself, such as NodeLocal DNS (169.254.20.10) and EKS Pod Identity (169.254.170.23). */
export interface NodeLocalPlace {
  readonly kind: "node-local";
  readonly name: string;
  readonly address: string;
}

export type Place = PodPlace | NodePlace | AddressPlace | NodeLocalPlace;

/** Where connections begin. */
export type Source = Exclude<Place, NodeLocalPlace>;
