import type { Address } from "../netlink/route/address.ts";
import type { Link } from "../netlink/route/link.ts";
import type { Neighbour } from "../netlink/route/neighbour.ts";
import type { Route } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { SysctlFact } from "./sysctl.ts";
import type { IpFamily } from "../values/ip.ts";

/** What the kernel says before anything is changed: all that a plan may know. */

/** The interface that the primary plugin gave the pod. */
export interface PrimaryFacts {
  readonly link: Link;
  readonly addresses: readonly Address[];
  /** Its routes of both families in all tables but `local`, which the kernel keeps itself. */
  readonly routes: readonly Route[];
  readonly permanentNeighbours: readonly Neighbour[];
}

export interface PodFacts {
  readonly primary: PrimaryFacts;
  /** Default routes in table main by other interfaces than the primary's: another plugin made them. */
  readonly otherDefaults: readonly Route[];
  readonly loopbackUp: boolean;
  /** Parameters of its devices that a datapath may change; those that this kernel lacks are left out. */
  readonly sysctls: readonly SysctlFact[];
}

export interface NodeFacts {
  readonly trunk: Link;
  /** Whether the node has a device with the name that the branch shall have in the pod. */
  readonly nameIsTaken: boolean;
  /** The node's end of the primary's veth pair. */
  readonly veth: Link;
  /** The node's global addresses, of both families, without duplicates. */
  readonly addresses: readonly string[];
  /** rp_filter of that end; undefined on a kernel that does not say. */
  readonly vethFilter?: number;
  /** The primary's IPv4 routes by that end: they go with the last IPv4 address of a device. */
  readonly vethRoutes?: readonly Route[];
  /** The address that the node sends from by default: the one its primary ENI has. */
  readonly source: Readonly<Partial<Record<IpFamily, string>>>;
  /**
   * What is already in the table that belongs to the VLAN id, and the rules that lead to it or take hold of the branch's
   * packets (src/datapath/claims.ts): their owner is no more.
   */
  readonly table: readonly Route[];
  readonly rules: readonly Rule[];
}

export interface Facts {
  readonly node: NodeFacts;
  readonly pod: PodFacts;
}
