/** What the kernel is to have of one VPC, as plain data: made from the model (desired.ts), or by a test. */
export interface Network {
  /** Namespaces of instances, by name under /run/netns. */
  readonly machines: ReadonlySet<string>;
  /** IPv4 addresses of the subnets' routers. */
  readonly gateways: ReadonlySet<string>;
  /** By group id. */
  readonly groups: ReadonlyMap<string, readonly GroupRule[]>;
  /** Blocks of the prefix lists that rules name, by the list's id. */
  readonly prefixLists: ReadonlyMap<string, PrefixList>;
  /** Entries of network ACLs, in any order, by the ACL's id. */
  readonly acls: ReadonlyMap<string, readonly AclRule[]>;
  /** The ACL of each subnet; one that is not here has none, and lets everything pass. */
  readonly subnets: ReadonlyMap<string, string>;
  /** By the device in the VPC's namespace, a trunk before its branches. */
  readonly ports: ReadonlyMap<string, Port>;
}

/** Allows one protocol and range of ports, from or to one peer. */
export interface GroupRule {
  /** sgr-…, said by a trace. */
  readonly id: string;
  readonly egress: boolean;
  /** "tcp", "udp", "icmp", "icmpv6", a number, or "-1" for all. */
  readonly protocol: string;
  /** Ports, or type and code of ICMP; -1 and absent are any. */
  readonly from?: number;
  readonly to?: number;
  /** The id of a group or a prefix list, or a block of either family. */
  readonly peer: { readonly group: string } | { readonly list: string } | { readonly cidr: string };
}

/** Blocks may overlap. */
export interface PrefixList {
  readonly family: 4 | 6;
  readonly cidrs: readonly string[];
}

/** An entry of a network ACL: of those that match a packet, the one with the lowest number decides. */
export interface AclRule {
  readonly number: number;
  readonly egress: boolean;
  readonly allows: boolean;
  /** An IANA number as text, or "-1" for all. */
  readonly protocol: string;
  /** Where a packet goes that leaves the subnet, or comes from that enters it. */
  readonly cidr: string;
  /** Destination ports, of TCP and UDP; absent for all. */
  readonly ports?: { readonly from: number; readonly to: number };
  /** Of ICMP; -1 is any. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

/** An interface as the VPC sees it. */
export interface Port {
  readonly eni: string;
  /** Its device in the VPC's namespace, at most 15 characters. */
  readonly device: string;
  readonly mac: string;
  /** Addresses and prefixes that are delivered to it, and may be a source; the first of a family is its primary. */
  readonly addresses: readonly string[];
  readonly groups: readonly string[];
  /** The id of its subnet: no ACL is asked about packets within one. Absent: none is asked about any packet. */
  readonly subnetId?: string;
  /** EC2's source/destination check; without it the interface may send from any address. */
  readonly isChecked: boolean;
  /** Seconds that an idle TCP connection is tracked; the kernel's own number, which is EC2's, when absent. */
  readonly tcpSeconds?: number;
  /** Seconds that an idle flow of UDP is tracked: before it is a stream, and then; the kernel's own when absent. */
  readonly udpSeconds?: readonly [number, number];
  readonly cable: Cable;
}

export type Cable = Veth | Branch;

/** To a device of an instance. */
export interface Veth {
  readonly kind: "veth";
  /** The instance's namespace by name; undefined for the one of this process. */
  readonly netns: string | undefined;
  readonly device: string;
  /** Lines of `ip -batch` in that namespace, once both ends are there. */
  readonly setUp: readonly string[];
}

/** A VLAN of a trunk's port. */
export interface Branch {
  readonly kind: "branch";
  readonly trunk: string;
  readonly vlanId: number;
}

/** An address of a device, with the length of its subnet's prefix and the subnet's router. */
export interface Ipv4Lease {
  readonly address: string;
  readonly length: number | string;
  readonly router: string;
}

/** `ip -batch`: what DHCP and the router's advertisements leave on a device that is up, in each family it has. */
export function leaseLines(device: string, ipv4: Ipv4Lease | undefined, ipv6: string | undefined): string[] {
  return [
    ...(ipv4 === undefined
      ? []
      : [
          `addr add ${ipv4.address}/${ipv4.length} dev ${device}`,
          `route add default via ${ipv4.router} dev ${device}`,
        ]),
    ...(ipv6 === undefined
      ? []
      : [`addr add ${ipv6}/128 dev ${device} nodad`, `route add default via ${ROUTER_V6} dev ${device}`]),
  ];
}

export const emptyNetwork: Network = {
  machines: new Set(),
  gateways: new Set(),
  groups: new Map(),
  prefixLists: new Map(),
  acls: new Map(),
  subnets: new Map(),
  ports: new Map(),
};

/** Jumbo frames, as between the instances of a VPC. */
export const MTU = 9001;

/** The routers' address for IPv6, the same in each subnet. */
export const ROUTER_V6 = "fe80:ec2::1";
