import type { AttachedTrunk } from "../ledger.ts";
import type { View } from "../view.ts";

/** Where branches are made: with the trunk, or where the node's ENIConfig says. */
export function branchSubnet({ eniConfig }: Pick<View, "eniConfig">, trunk: AttachedTrunk): string {
  return typeof eniConfig === "object" ? eniConfig.subnet : trunk.subnet;
}
