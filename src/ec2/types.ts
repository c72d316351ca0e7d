/** EC2's things as the rest of the system knows them. Times are not kept: nothing here depends on them. */

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
  readonly tags: Tags;
}

export interface Attachment {
  readonly id: string;
  readonly instance: string | undefined;
  readonly deviceIndex: number;
  /** "attaching", "attached", "detaching" or "detached". */
  readonly status: string;
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
  readonly interfaces: readonly {
    readonly id: string;
    readonly type: string;
    readonly deviceIndex: number;
  }[];
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
  /** At most 64 ASCII characters: the same again makes nothing again. */
  readonly token: string;
}
