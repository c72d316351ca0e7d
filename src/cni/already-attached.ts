/** aws-cni with ENABLE_POD_ENI attaches the branch itself: how its result shows that. */

import type { BranchAssignment } from "../ipam/annotation.ts";
import type { Call } from "./call.ts";
import type { PluginConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { CniResult } from "./result.ts";

/** Largest id that a VLAN tag can carry (IEEE 802.1Q). */
const LAST_VLAN_ID = 4094;

/**
 * Whether the primary plugin has attached a branch: aws-cni writes the VLAN id into the mac of an interface that it
 * calls `dummy…` (0 without one), and the pod's address is the branch's. Our own result has the branch's address as
 * well, but also its MAC, which aws-cni's never has.
 */
export function isAttachedByPrimary(prevResult: CniResult, branch?: BranchAssignment): boolean {
  if (vlanIdOf(prevResult) !== undefined) return true;
  if (branch === undefined) return false;
  const isOurs = prevResult.interfaces.some(({ mac }) => mac.toLowerCase() === branch.mac);
  return !isOurs && hasAddressOf(prevResult, branch);
}

/** The VLAN id that aws-cni says it has attached. */
function vlanIdOf({ interfaces }: CniResult): number | undefined {
  return interfaces
    .filter(({ name, mac }) => name.startsWith("dummy") && /^\d{1,4}$/.test(mac))
    .map(({ mac }) => Number(mac))
    .find((id) => id > 0 && id <= LAST_VLAN_ID);
}

function hasAddressOf({ ips }: CniResult, { addresses }: BranchAssignment): boolean {
  return ips.some(({ prefix }) => addresses.some(({ address }) => address === prefix.address));
}

/**
 * For an ADD whose primary has attached the branch: nothing may be changed. CniError; with `alreadyAttached: "pass"`
 * only a note that the pod is left to aws-cni, unless the annotation names another branch than the result.
 */
export function leaveToPrimary(
  call: Call,
  config: Pick<PluginConfig, "alreadyAttached">,
  prevResult: CniResult,
  branch?: BranchAssignment,
): void {
  const vlanId = vlanIdOf(prevResult);
  const isThisOne =
    branch === undefined ||
    ((vlanId === undefined || vlanId === branch.vlanId) && hasAddressOf(prevResult, branch));
  if (config.alreadyAttached === "pass" && isThisOne) {
    call.note({ outcome: "attached by the primary plugin already" });
    return;
  }
  // Without a VLAN id it was recognised by the address or by what is on the node, so it is this branch.
  const what =
    isThisOne || vlanId === undefined
      ? `${branch?.eniId ?? `the branch of VLAN id ${vlanId}`} already`
      : `another branch (VLAN id ${vlanId}) than ${branch.eniId} (VLAN id ${branch.vlanId})`;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `the primary plugin has attached ${what} (aws-cni with ENABLE_POD_ENI): only one of the two may`,
  );
}
