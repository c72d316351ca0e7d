/** EC2's things as the rest of the system knows them. */

export interface NetworkInterface {
  readonly id: string;
  /** "interface", "trunk", "branch" … */
  readonly type: string;
  /** "pending" (just made), "available", "in-use" … */
  readonly status: string;
  readonly mac: string;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Of which it has all addresses, as CIDRs of both families; absent without any. */
  readonly prefixes?: readonly string[];
  /** Absent when EC2 shows none. */
  readonly publicAddress?: string;
  readonly groups: readonly string[];
  readonly subnet: string;
  readonly vpc: string;
  readonly zone: string;
  /** Absent for a branch, also an associated one. */
  readonly attachment?: Attachment;
  /** Absent: EC2's own times. */
  readonly tracking?: ConnectionTracking;
  readonly tags: Tags;
}

/** How long connections without packets are tracked, in seconds; EC2's own times for what is absent. */
export interface ConnectionTracking {
  readonly tcpEstablished?: number;
  readonly udp?: number;
  readonly udpStream?: number;
}

export interface Attachment {
  readonly id: string;
  readonly instance: string | undefined;
  readonly deviceIndex: number;
  /** "attaching", "attached", "detaching" or "detached". */
  readonly status: string;
  /** Milliseconds since 1970; undefined when EC2 does not say. An interface itself has no time of its creation. */
  readonly attachedAt: number | undefined;
  readonly deleteOnTermination: boolean;
}

export type Tags = Readonly<Record<string, string>>;

export interface TrunkAssociation {
  readonly id: string;
  readonly branch: string;
  readonly trunk: string;
  /** 0 where it is by a GRE key, which is none of ours. */
  readonly vlan: number;
}

export interface Instance {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly subnet: string;
  readonly vpc: string;
  readonly zone: string;
  /** Without branches: EC2 does not list them here. */
  readonly interfaces: readonly InstanceInterface[];
}

/** An interface as a description of its instance has it. */
export type InstanceInterface = Pick<
  NetworkInterface,
  "id" | "type" | "mac" | "ipv4" | "ipv6" | "prefixes" | "publicAddress" | "groups" | "subnet" | "tracking"
> & {
  readonly deviceIndex: number;
};

/** The interface that the instance was launched with; undefined while EC2 does not show it, as of a terminated instance. */
export function primaryOf({ interfaces }: Instance): InstanceInterface | undefined {
  return interfaces.find(({ deviceIndex }) => deviceIndex === 0);
}

export interface Subnet {
  readonly id: string;
  readonly vpc: string;
  readonly zone: string;
  readonly cidr: string;
  /** Only blocks that are associated. */
  readonly ipv6Cidrs: readonly string[];
  /** Lags behind by seconds. */
  readonly freeAddresses: number;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly vpc: string;
  readonly tags: Tags;
}

/** One rule of a group, for one peer. */
export interface SecurityGroupRule {
  readonly id: string;
  readonly group: string;
  readonly isEgress: boolean;
  /** "tcp", "udp", "icmp", "icmpv6", an IANA number as text, or "-1" for all. */
  readonly protocol: string;
  /** Undefined for all. Of ICMP the type, and `toPort` the code. */
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly peer: RulePeer;
  readonly description: string;
}

export type RulePeer =
  | { readonly kind: "cidr"; readonly cidr: string }
  | { readonly kind: "prefix-list"; readonly id: string }
  /** `account` is undefined when EC2 does not say; it may be another's. */
  | { readonly kind: "group"; readonly id: string; readonly account: string | undefined };

export interface PrefixList {
  readonly id: string;
  /** Of AWS's own such as com.amazonaws.us-east-1.s3. */
  readonly name: string;
  /** IPv4 or IPv6. */
  readonly family: string;
  /** How many entries count against a group's quota of rules; undefined when EC2 does not say, as of AWS's own. */
  readonly maxEntries: number | undefined;
}

/** A network ACL: the rules of some subnets, which know no connections. */
export interface NetworkAcl {
  readonly id: string;
  readonly vpc: string;
  readonly isDefault: boolean;
  readonly subnets: readonly string[];
  /** In ascending order of their numbers; the first that matches decides. 32767 refuses the rest. */
  readonly entries: readonly NetworkAclEntry[];
}

export interface NetworkAclEntry {
  readonly number: number;
  readonly isEgress: boolean;
  readonly allows: boolean;
  /** An IANA number as text, or "-1" for all. */
  readonly protocol: string;
  readonly cidr: string;
  /** Undefined for all. Of ICMP the type, and `toPort` the code. */
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
}

export interface RouteTable {
  readonly id: string;
  readonly vpc: string;
  /** It serves the subnets of its VPC that have no table of their own. */
  readonly isMain: boolean;
  readonly subnets: readonly string[];
  readonly routes: readonly Route[];
}

export interface Route {
  /** A CIDR, or the id of a prefix list. */
  readonly destination: string;
  /** `local`, or an id such as nat-…, igw-…, tgw-…, pcx-…, vpce-…, eni-…, eigw-…. */
  readonly target: string;
  /** Otherwise it is a blackhole. */
  readonly isActive: boolean;
}

export interface NewInterface {
  readonly subnet: string;
  /** Empty: the VPC's default group. */
  readonly groups: readonly string[];
  readonly description: string;
  readonly tags: Tags;
  /** Overrides the subnet's own setting when given. */
  readonly ipv6Addresses?: number;
  /** Of the node's primary interface, so that a branch's connections live as long as the node's. */
  readonly tracking?: ConnectionTracking | undefined;
  /** At most 64 ASCII characters: the same again makes nothing again. */
  readonly token: string;
}
