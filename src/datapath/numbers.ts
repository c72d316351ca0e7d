import { DatapathError } from "./error.ts";

/** Rule priorities, route tables and device names, the same as aws-cni's, so that a node can have pods of both. */

/** Rules for packets to a pod. */
export const TO_POD_PRIORITY = 512;
/** Rules for packets from a pod. */
export const FROM_POD_PRIORITY = 1536;

/** Rules of strict mode: packets from a pod or from its branch see no table but the branch's. */
export const STRICT_PRIORITY = 10;
/** The rule for table local in strict mode; otherwise it comes first. */
export const LOCAL_PRIORITY_STRICT = 20;

const TABLE_BASE = 100;
/** default, main and local (linux/rtnetlink.h rt_class_t). */
const KERNEL_TABLES = [253, 254, 255];

/** Whether a VLAN id has a route table of its own. An id without one is never attached. */
export function hasTable(vlanId: number): boolean {
  return !KERNEL_TABLES.includes(TABLE_BASE + vlanId);
}

/**
 * The route table of a VLAN id: id + 100. Throws DatapathError for the ids that would name one of the kernel's own
 * tables; EC2's controller assigns 1 to 120, so it never gives them.
 */
export function tableOf(vlanId: number): number {
  const table = TABLE_BASE + vlanId;
  if (!hasTable(vlanId)) {
    throw new DatapathError(
      "assignment",
      `vlanId ${vlanId} cannot be used: its route table ${table} is the kernel's own`,
    );
  }
  return table;
}

/** The nftables table of a direct pod, in each family. */
export function hairpinTable(vlanId: number): string {
  return `branchline-${vlanId}`;
}

/** Name of a VLAN device that stays on the node, as tools for EKS nodes expect it. */
export function vlanName(vlanId: number): string {
  return `vlan.eth.${vlanId}`;
}
