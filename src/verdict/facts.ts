import type { Labels, LabelSelector } from "../policy/label-selector.ts";

/** What is known of a network, as plain data. All of it comes from the EC2 API and the API server. */

/** Known, or the permission or the answer that was missing, such as `no permission for ec2:DescribeSecurityGroupRules`. */
export type Known<T> =
  { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

/** A network interface of EC2, of whatever kind. */
export interface Interface {
  readonly id: string;
  readonly groups: readonly string[];
  readonly subnet: string;
  readonly vpc: string;
  /** Without one an internet gateway leads nowhere (IPv4). Undefined: not known. */
  readonly hasPublicAddress?: boolean;
}

/** A rule of a security group, for one peer (EC2 DescribeSecurityGroupRules). */
export interface GroupRule {
  readonly id: string;
  readonly group: string;
  readonly isEgress: boolean;
  /** "tcp", "udp", "icmp", "icmpv6", an IANA number as text, or "-1" for all. */
  readonly protocol: string;
  /** Undefined for all. Of ICMP the type, and `toPort` the code. */
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly peer: Peer;
}

export type Peer =
  | { readonly kind: "cidr"; readonly cidr: string }
  | { readonly kind: "prefix-list"; readonly id: string }
  | { readonly kind: "group"; readonly id: string };

/** A network ACL (EC2 DescribeNetworkAcls): it knows no connections, so answers need a rule as well. */
export interface NetworkAcl {
  readonly id: string;
  readonly subnets: readonly string[];
  /** By ascending number: the first that matches decides. */
  readonly entries: readonly AclEntry[];
}

export interface AclEntry {
  readonly number: number;
  readonly isEgress: boolean;
  readonly allows: boolean;
  /** An IANA number as text, or "-1" for all. */
  readonly protocol: string;
  readonly cidr: string;
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
}

/** A route table: where packets go that leave a subnet (EC2 DescribeRouteTables). */
export interface RouteTable {
  readonly id: string;
  readonly vpc: string;
  /** It serves the subnets of its VPC that have no table of their own. */
  readonly isMain: boolean;
  readonly subnets: readonly string[];
  readonly routes: readonly Route[];
}

/** The one with the longest prefix decides. */
export interface Route {
  /** A CIDR, or the id of a prefix list. */
  readonly destination: string;
  /** `local`, or an id such as nat-…, igw-…, tgw-…, pcx-…, vpce-…, eni-…, eigw-…. */
  readonly target: string;
  /** Otherwise it is a blackhole. */
  readonly isActive: boolean;
}

/** A NetworkPolicy (networking.k8s.io/v1), as the API server has it. */
export interface NetworkPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly podSelector: LabelSelector;
  readonly types: readonly ("Ingress" | "Egress")[];
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
}

export interface PolicyRule {
  /** Whom it is for; undefined or empty: everybody. */
  readonly peers: readonly PolicyPeer[] | undefined;
  /** Undefined or empty: all. */
  readonly ports: readonly PolicyPort[] | undefined;
}

export type PolicyPeer =
  | { readonly kind: "block"; readonly cidr: string; readonly except: readonly string[] }
  /** Without a selector of namespaces: pods of the policy's own. */
  | {
      readonly kind: "pods";
      readonly podSelector: LabelSelector | undefined;
      readonly namespaceSelector: LabelSelector | undefined;
    };

export interface PolicyPort {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  /** A number, or the name of a container's port; undefined: all. */
  readonly port: number | string | undefined;
  readonly endPort: number | undefined;
}

/** What the cluster says of itself. */
export interface Policies {
  /** Of all namespaces of the pods at both ends. */
  readonly policies: readonly NetworkPolicy[];
  /** Labels of namespaces by name, of those of the pods at both ends. */
  readonly namespaces: ReadonlyMap<string, Labels>;
}

/** What decides about packets between interfaces. */
export interface Filters {
  /** Of all groups of the interfaces at both ends. */
  readonly rules: Known<readonly GroupRule[]>;
  /** CIDRs by the id of the list. One that is missing could not be read. */
  readonly prefixLists: ReadonlyMap<string, Known<readonly string[]>>;
  readonly acls: Known<readonly NetworkAcl[]>;
  /** Of the VPC. */
  readonly routeTables: Known<readonly RouteTable[]>;
  /** Undefined: nothing in the cluster enforces NetworkPolicies. */
  readonly policies: Known<Policies> | undefined;
}

/** One end of a flow: an address, and the interface that has it. */
export interface End {
  readonly address: string;
  /** Undefined: no interface of the VPC has it, such as an address on the internet. */
  readonly interface: Known<Interface | undefined>;
}

/** What is asked for: the first packet of a connection. */
export interface Flow {
  readonly from: End;
  readonly to: End;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** The destination's; of an echo request it does not count. */
  readonly port: number;
  /** Where answers go: undefined for Linux's ephemeral ports. */
  readonly answersTo?: { readonly from: number; readonly to: number };
}
