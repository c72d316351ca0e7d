import { macBytes } from "../values/mac.ts";
import type { Link } from "../netlink/route/link.ts";
import { DatapathError } from "./error.ts";
import type { Kernel } from "./kernel.ts";

/** How the trunk is told from the node's other interfaces. */
export type TrunkSelector = { readonly interface: string } | { readonly mac: string };

/**
 * The trunk among the node's devices. Its own VLAN devices carry the trunk's MAC when nobody gave them one, so only
 * what is no VLAN device counts.
 */
export function findTrunk(kernel: Kernel, selector: TrunkSelector): Link {
  if ("interface" in selector) {
    const found = kernel.link("node", selector.interface);
    if (found !== undefined) return found;
    throw new DatapathError("trunk", `trunk: there is no interface "${selector.interface}" on this node`);
  }
  // A node has a device for each pod: only those with these six bytes somewhere are looked at.
  const matching = kernel
    .allLinks("node", { having: macBytes(selector.mac) })
    .filter((link) => link.mac === selector.mac && link.vlan === undefined);
  const [found, second] = matching;
  if (found === undefined) {
    throw new DatapathError("trunk", `trunk: no interface on this node has MAC ${selector.mac}`);
  }
  if (second !== undefined) {
    throw new DatapathError(
      "trunk",
      `trunk: MAC ${selector.mac} is on more than one interface: ${matching.map(({ name }) => name).join(", ")}`,
    );
  }
  return found;
}
