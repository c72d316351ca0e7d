import type { AttachedTrunk, Branch } from "../ledger.ts";
import type { View } from "../view.ts";

/** Where branches are made: with the trunk, or where the node's ENIConfig says. */
export function branchSubnet({ eniConfig }: Pick<View, "eniConfig">, trunk: AttachedTrunk): string {
  return typeof eniConfig === "object" ? eniConfig.subnet : trunk.subnet;
}

/** It is where the node's branches are made. Its ENIConfig may name another subnet since the branch was made. */
export function isInPlace({ eni }: Branch, view: Pick<View, "eniConfig">, trunk: AttachedTrunk): boolean {
  return eni.subnet.id === branchSubnet(view, trunk);
}
