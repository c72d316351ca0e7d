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
  "id" | "type" | "mac" | "ipv4" | "ipv6" | "groups" | "subnet" | "tracking"
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
