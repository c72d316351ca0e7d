import { familyOf } from "../values/ip.ts";
import { isIn } from "./addresses.ts";
import type { End } from "./facts.ts";
import type { NodeLocalPlace, PodPlace, Source } from "./places.ts";
import type { Way } from "./way.ts";

/** Addresses that each node has for itself: who reaches them, by the datapaths (docs/datapaths.md). */

/** What the plugin's entry has as `hostRoutes` unless it says otherwise (docs/configuration.md). */
export const HOST_ROUTES: readonly string[] = [
  "169.254.170.23/32",
  "169.254.169.254/32",
  "169.254.20.10/32",
  "fd00:ec2::23/128",
  "fd00:ec2::254/128",
  "fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128",
];

/** The node's; but for these, which EC2 serves in each VPC. */
const LINK_LOCAL = "169.254.0.0/16";
const OF_EC2 = ["169.254.169.0/24", "fd00:ec2::253/128", "fd00:ec2::254/128"];

export function toNodeLocal(from: Source, to: NodeLocalPlace): Way {
  const { address } = to;
  if (from.kind === "address")
    return {
      kind: "none",
      why: `${address} is an address of each node for itself, and the VPC does not carry it`,
    };
  if (OF_EC2.some((cidr) => isIn(cidr, address)))
    return {
      kind: "unknown",
      why: `EC2 itself serves ${address}: no groups are asked, but its own settings count, such as the hop limit of the instance's metadata`,
    };
  if (from.kind === "node") return overNode("it is an address of the node", from.end);
  switch (from.attachment) {
    case "none":
      return overNode("it is an address of the pod's node", from.end);
    case "routed standard":
      return overNode("in standard mode a pod reaches its node over the veth", from.end);
    case "direct":
      return fromDirect(from, address);
    case "routed strict":
      return {
        kind: "none",
        why: `all that a strict pod sends leaves by its branch, and ${address} is an address of the node alone`,
      };
  }
}

/** By host0, where the plugin has made routes for it. */
function fromDirect({ host0, hostRoutes = HOST_ROUTES, end }: PodPlace, address: string): Way {
  const linkLocal = familyOf(address) === 4 && familyOf(end.address) === 4 ? [LINK_LOCAL] : [];
  const isRouted = [...linkLocal, ...hostRoutes].some((cidr) => isIn(cidr, address));
  if (!isRouted)
    return {
      kind: "none",
      why: `hostRoutes have no ${address}, so a direct pod sends it by its branch, and the VPC does not carry it`,
    };
  if (host0 === undefined) return { kind: "none", why: "the direct pod has no address on host0" };
  return overNode("a direct pod reaches its own node by host0", host0);
}

function overNode(why: string, { address }: Pick<End, "address">): Way {
  return { kind: "node", why, source: address };
}
