/** Configured networks that would lead traffic around the branch and its security groups. */

import type { BranchAssignment } from "../../ipam/annotation.ts";
import { IPV6_GATEWAY } from "../../ipam/subnet.ts";
import { type IpPrefix, contains, formatPrefix, parsePrefix } from "../../values/ip.ts";
import type { Options } from "../datapath.ts";
import { DatapathError } from "../error.ts";

/** Neighbours and routers: on each device's own link, so never reached through another one. */
const LINK_LOCAL: readonly IpPrefix[] = [
  { address: "169.254.0.0", length: 16 },
  { address: "fe80::", length: 64 },
];

/**
 * The direct datapath sends `serviceCIDRs` and `hostRoutes` by the primary's veth. DatapathError `config` for one that
 * overlaps the branch's subnet, since the pod and the hosts there would then reach each other through the node, and for
 * one that contains the branch's gateway or all link-local addresses.
 */
export function refuseNetworksPastBranch(
  branch: BranchAssignment,
  { serviceCidrs, hostRoutes }: Pick<Options, "serviceCidrs" | "hostRoutes">,
): void {
  for (const [key, networks] of Object.entries({ serviceCIDRs: serviceCidrs, hostRoutes })) {
    for (const network of networks) {
      const reason = pastBranch(network, branch);
      if (reason === undefined) continue;
      throw new DatapathError("config", `${key} "${formatPrefix(network)}" ${reason}`);
    }
  }
}

/** Why the network must not be reached through the node; undefined when it may be. */
function pastBranch(network: IpPrefix, branch: BranchAssignment): string | undefined {
  const text = formatPrefix(network);
  for (const { subnet: cidr } of branch.addresses) {
    const subnet = parsePrefix(cidr);
    if (subnet === undefined) continue;
    const how =
      text === cidr
        ? "is"
        : covers(network, subnet)
          ? "contains"
          : covers(subnet, network)
            ? "lies within"
            : undefined;
    if (how === undefined) continue;
    return `${how} the subnet ${cidr} of ${branch.eniId}: it would take the branch's traffic past its security groups`;
  }
  if (contains(network, IPV6_GATEWAY)) return `contains ${IPV6_GATEWAY}, the gateway of every branch`;
  const link = LINK_LOCAL.find((range) => covers(network, range));
  if (link === undefined) return undefined;
  return `contains all link-local addresses (${formatPrefix(link)}): name those of the agents on the node`;
}

/** Whether all addresses of one network are in the other. */
function covers(outer: IpPrefix, inner: IpPrefix): boolean {
  return outer.length <= inner.length && contains(outer, inner.address);
}
