import { macBytes } from "../values/mac.ts";
import { DatapathError } from "../datapath/error.ts";
import type { Kernel } from "../datapath/kernel.ts";
import type { Link } from "../netlink/route/link.ts";
import { readTrunkMac, trunkFile } from "../state/trunk.ts";

/** The trunk as the configuration names it: by one of the two, or not at all. */
export interface TrunkSelector {
  readonly interface?: string;
  readonly mac?: string;
}

/**
 * The trunk among the node's devices: the one that the configuration names, else the one that the agent wrote into
 * trunk.json of the state directory (`{"eniId": …, "mac": …}`). DatapathError `trunk` when nothing names it, when there
 * is no such device, or more than one.
 */
export function findTrunk(kernel: Kernel, configured: TrunkSelector, stateDirectory: string): Link {
  if (configured.interface !== undefined) return trunkNamed(kernel, configured.interface);
  const mac = configured.mac ?? readTrunkMac(stateDirectory);
  if (mac !== undefined) return trunkWithMac(kernel, mac);
  throw new DatapathError(
    "trunk",
    `trunk not known: the configuration has neither trunk.interface nor trunk.mac, and there is no ${trunkFile(stateDirectory)}`,
  );
}

function trunkNamed(kernel: Kernel, name: string): Link {
  const found = kernel.link("node", name);
  if (found !== undefined) return found;
  throw new DatapathError("trunk", `trunk: there is no interface "${name}" on this node`);
}

/** A VLAN device has its trunk's MAC unless it is given another, so VLAN devices do not count. */
function trunkWithMac(kernel: Kernel, mac: string): Link {
  // A node has a device for each pod: only messages that contain the MAC's six bytes are decoded.
  const matching = kernel
    .allLinks("node", { having: macBytes(mac) })
    .filter((link) => link.mac === mac && link.vlan === undefined);
  const [found, second] = matching;
  if (found === undefined) {
    throw new DatapathError("trunk", `trunk: no interface on this node has MAC ${mac}`);
  }
  if (second !== undefined) {
    const names = matching.map(({ name }) => name).join(", ");
    throw new DatapathError("trunk", `trunk: MAC ${mac} is on more than one interface: ${names}`);
  }
  return found;
}
