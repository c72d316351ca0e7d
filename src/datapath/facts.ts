import type { Address } from "../netlink/route/address.ts";
import type { Link } from "../netlink/route/link.ts";
import type { Neighbour } from "../netlink/route/neighbour.ts";
import type { Route } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { SysctlFact } from "./sysctl.ts";
import type { IpFamily } from "../values/ip.ts";

/** The kernel's state before any change: all that a plan may know. */

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
  /** Default routes in table main by interfaces other than the primary's, made by another plugin. */
  readonly otherDefaults: readonly Route[];
  readonly loopbackUp: boolean;
  /** Parameters of its devices that a datapath may change; those that this kernel lacks are left out. */
  readonly sysctls: readonly SysctlFact[];
}

export interface NodeFacts {
  readonly trunk: Link;
  /** Whether the node has a device of the name that the branch will have in the pod. */
  readonly nameIsTaken: boolean;
  /** The node's end of the primary's veth pair. */
  readonly veth: Link;
  /** The node's global addresses, of both families, without duplicates. */
  readonly addresses: readonly string[];
  /** rp_filter of that end; undefined on a kernel that does not report it. */
  readonly vethFilter?: number;
  /** The primary's IPv4 routes by that end: the kernel removes them with a device's last IPv4 address. */
  readonly vethRoutes?: readonly Route[];
  /** The address that the node sends from by default: the one its primary ENI has. */
  readonly source: Readonly<Partial<Record<IpFamily, string>>>;
  /**
   * What an earlier owner left: the routes in the VLAN id's table, and the rules that lead to it or match the branch's
   * packets (src/datapath/claims.ts).
   */
  readonly table: readonly Route[];
  readonly rules: readonly Rule[];
}

export interface Facts {
  readonly node: NodeFacts;
  readonly pod: PodFacts;
}
