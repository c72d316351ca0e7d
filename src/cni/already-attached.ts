/** aws-cni with ENABLE_POD_ENI attaches the branch itself: what its result shows of that. */

import type { BranchAssignment } from "../ipam/annotation.ts";
import type { Call } from "./call.ts";
import type { PluginConfig } from "./config.ts";
import { CniError, ErrorCode } from "./errors.ts";
import type { CniResult } from "./result.ts";

/** Largest id that a VLAN tag can carry (IEEE 802.1Q). */
const LAST_VLAN_ID = 4094;

/**
 * Whether the primary plugin has attached a branch: aws-cni writes the VLAN id into the mac of an interface that it calls
 * `dummy…` (0 without one), and the pod's address is the branch's. A result of our own has the branch's address as well;
 * it is told by the branch's MAC, which aws-cni's never has.
 */
export function isAttachedByPrimary(prevResult: CniResult, branch?: BranchAssignment): boolean {
  const { interfaces, ips } = prevResult;
  if (interfaces.some(({ name, mac }) => name.startsWith("dummy") && isVlanId(mac))) return true;
  if (branch === undefined || interfaces.some(({ mac }) => mac.toLowerCase() === branch.mac)) return false;
  return ips.some(({ prefix }) => branch.addresses.some(({ address }) => address === prefix.address));
}

function isVlanId(mac: string): boolean {
  return /^\d{1,4}$/.test(mac) && Number(mac) > 0 && Number(mac) <= LAST_VLAN_ID;
}

/**
 * For an ADD whose primary has attached the branch: nothing may be changed any more. CniError, or with
 * `alreadyAttached: "pass"` only a note that the pod is left to aws-cni.
 */
export function leaveToPrimary(call: Call, config: PluginConfig, branch?: BranchAssignment): void {
  if (config.alreadyAttached === "pass") {
    call.note({ outcome: "attached by the primary plugin already" });
    return;
  }
  throw new CniError(
    ErrorCode.InvalidConfig,
    `the primary plugin has attached ${branch?.eniId ?? "a branch"} already (aws-cni with ENABLE_POD_ENI): only one of the two may`,
  );
}
