import type { Random } from "./random.ts";
import type { Settings } from "./settings.ts";

/** The world as data: everything is found by its id, times are milliseconds since 1970. */
export interface World {
  readonly random: Random;
  readonly settings: Settings;
  region: string;
  zones: string[];
  /** The account of requests that no key belongs to. */
  account: string;
  /** Requests are checked only when there are any. By access key id. */
  keys: Record<string, { readonly secret: string; readonly account: string }>;
  vpcs: Map<string, Vpc>;
  subnets: Map<string, Subnet>;
  groups: Map<string, Group>;
  prefixLists: Map<string, PrefixList>;
  networkAcls: Map<string, NetworkAcl>;
  routeTables: Map<string, RouteTable>;
  interfaces: Map<string, Interface>;
  instances: Map<string, Instance>;
  associations: Map<string, Association>;
  permissions: Map<string, Permission>;
  /** By account, action and ClientToken. */
  tokens: Map<string, TokenUse>;
  /** What describes still show of interfaces that changed, and of those that are gone. By interface id. */
  stale: Map<string, Stale>;
  /** What is to happen later, soonest first. */
  due: Due[];
  /** MAC addresses in use. */
  macs: Set<string>;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

interface Owned {
  readonly id: string;
  readonly owner: string;
  readonly createdAt: number;
  /** Before that it is NotFound for any call, and in no list. */
  readonly knownAt: number;
  tags: Tag[];
}

export interface Vpc extends Owned {
  readonly cidr: string;
  readonly ipv6Cidr?: string;
  ipv6AssociationId?: string;
}

export interface Subnet extends Owned {
  readonly vpc: string;
  readonly zone: string;
  readonly cidr: string;
  ipv6Cidr?: string;
  ipv6AssociationId?: string;
  assignIpv6OnCreation: boolean;
  mapPublicIp: boolean;
  /** A subnet always has a network ACL. */
  acl: SubnetAssociation;
  /** Absent: the main one of its VPC. */
  routeTable?: SubnetAssociation;
  /** Addresses in use, those of prefixes among them, as numbers from the network's first. */
  readonly used: Set<number>;
  readonly usedIpv6: Set<string>;
  readonly usedIpv6Prefixes: Set<string>;
  /** Where the search for a free address begins. */
  next: number;
}

/** Of a subnet with what decides about its packets. */
export interface SubnetAssociation {
  /** Of the network ACL or the route table. */
  readonly id: string;
  readonly association: string;
}

export interface PrefixList extends Owned {
  name: string;
  readonly family: 4 | 6;
  maxEntries: number;
  state: "create-complete" | "modify-complete" | "modify-failed";
  stateMessage?: string;
  /** The newest of its versions. */
  version: number;
  readonly versions: Map<number, readonly PrefixListEntry[]>;
}

export interface PrefixListEntry {
  readonly cidr: string;
  readonly description?: string;
}

export interface NetworkAcl extends Owned {
  readonly vpc: string;
  readonly isDefault: boolean;
  /** In the order in which they were made: the number decides. */
  entries: AclEntry[];
}

export interface AclEntry {
  readonly number: number;
  readonly egress: boolean;
  readonly allows: boolean;
  /** An IANA number as text, or "-1" for all. */
  readonly protocol: string;
  readonly cidr: string;
  /** Of TCP and UDP; absent for all. */
  readonly ports?: { readonly from: number; readonly to: number };
  /** -1 for all. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

export interface RouteTable extends Owned {
  readonly vpc: string;
  /** The association that makes it the main one of its VPC. */
  readonly main?: string;
  routes: Route[];
}

export interface Route {
  /** A block, or the id of a prefix list. */
  readonly destination: string;
  readonly target: RouteTarget;
}

/** Within the VPC, to a gateway of any kind under the name that an answer has for it, or to an interface. */
export type RouteTarget =
  | { readonly kind: "local" }
  | { readonly kind: "gateway"; readonly id: string; readonly shown: string }
  | { readonly kind: "interface"; readonly id: string };

export interface Group extends Owned {
  readonly vpc: string;
  readonly name: string;
  readonly description: string;
  rules: Rule[];
}

export interface Rule {
  readonly id: string;
  readonly egress: boolean;
  /** "tcp", "udp", "icmp", "icmpv6", a number, or "-1" for all. */
  readonly protocol: string;
  readonly from?: number;
  readonly to?: number;
  /** One of the four. */
  readonly cidrIpv4?: string;
  readonly cidrIpv6?: string;
  readonly group?: string;
  readonly prefixList?: string;
  readonly description?: string;
  tags: Tag[];
}

export interface Attachment {
  readonly id: string;
  readonly instance: string;
  readonly deviceIndex: number;
  readonly attachedAt: number;
  status: "attaching" | "attached" | "detaching";
  deleteOnTermination: boolean;
}

export interface Interface extends Owned {
  /** As it was created; a describe shows "branch" while it is associated. */
  readonly type: "interface" | "trunk" | "efa";
  readonly subnet: string;
  readonly vpc: string;
  readonly zone: string;
  readonly mac: string;
  description: string;
  groups: string[];
  /** The first is the primary. */
  addresses: string[];
  ipv6: string[];
  ipv4Prefixes: string[];
  ipv6Prefixes: string[];
  sourceDestCheck: boolean;
  requesterManaged: boolean;
  tracking?: Record<string, number>;
  attachment?: Attachment;
  /** The association in which this is the branch. */
  association?: string;
}

export interface Association {
  readonly id: string;
  readonly branch: string;
  readonly trunk: string;
  /** One of the two. */
  readonly vlan?: number;
  readonly greKey?: number;
  readonly owner: string;
  readonly createdAt: number;
  readonly knownAt: number;
  /** Whether the branch carries packets yet. */
  carries: boolean;
  tags: Tag[];
}

export type InstanceState = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated";

export interface Instance extends Owned {
  readonly type: string;
  readonly image: string;
  readonly reservation: string;
  readonly subnet: string;
  readonly vpc: string;
  readonly zone: string;
  state: InstanceState;
}

export interface Permission {
  readonly id: string;
  readonly interface: string;
  readonly account: string;
  readonly permission: string;
}

export interface TokenUse {
  readonly parameters: string;
  readonly answer: Answer;
  /** What it made; the token is spent when that is gone. */
  readonly made: string;
}

export interface Stale {
  until: number;
  /** As a describe has it, or absent when there was none yet. */
  readonly before: Interface | undefined;
}

/** Something that happens by itself. */
export interface Due {
  readonly at: number;
  readonly what: "attached" | "detached" | "carries" | "running" | "stopped" | "terminated" | "visible";
  /** Of the interface, association or instance. */
  readonly id: string;
}

/** An answer's members under their wire names; lists become items. */
export type AnswerValue = undefined | boolean | number | string | readonly AnswerValue[] | Answer;
export interface Answer {
  readonly [name: string]: AnswerValue;
}

/** What has changed: for whoever makes the model real, in the order in which it happened. */
export interface Effect {
  readonly at: number;
  readonly kind:
    | "vpc-created"
    | "vpc-deleted"
    | "subnet-created"
    | "subnet-deleted"
    | "group-created"
    | "group-deleted"
    | "rules-changed"
    | "prefix-list-created"
    | "prefix-list-changed"
    | "prefix-list-deleted"
    | "network-acl-created"
    | "network-acl-changed"
    | "network-acl-associated"
    | "network-acl-deleted"
    | "route-table-created"
    | "route-table-changed"
    | "route-table-deleted"
    | "interface-created"
    | "interface-deleted"
    | "groups-changed"
    | "source-dest-check-changed"
    | "connection-tracking-changed"
    | "addresses-changed"
    | "interface-attaching"
    | "interface-attached"
    | "interface-detached"
    | "branch-associated"
    | "branch-carries"
    | "branch-disassociated"
    | "instance-state";
  readonly id: string;
  /** The other side: the trunk of a branch, the instance of an interface, the new state of an instance. */
  readonly of?: string;
  /** Of an association that begins or ends. */
  readonly vlan?: number;
}

/** What an operation has at hand. */
export interface Context {
  readonly world: World;
  readonly now: number;
  readonly account: string;
  readonly effect: (kind: Effect["kind"], id: string, of?: string, vlan?: number) => void;
}
