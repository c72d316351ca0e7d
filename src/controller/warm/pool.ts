import type { Branch, Ledger } from "../ledger.ts";
import { isCertain } from "../pods/certain.ts";
import type { View, WarmSettings } from "../view.ts";
import { isSameSet, canGive } from "./group-sets.ts";

/** Which branches are warm, become so, and for whom. */

export interface Wanting {
  readonly namespace: string;
  readonly groups: readonly string[];
}

/** It is warm, or becomes so. */
export function isWarm({ state }: Branch): boolean {
  return state === "warm" || state === "warming";
}

/** Warm ones and those that become so. */
export function warmCount({ branches, warm }: Ledger): number {
  let count = warm.making.size;
  for (const branch of branches.values()) if (isWarm(branch)) count += 1;
  return count;
}

/** It can be given to a pod as it is, without a call to EC2. */
export function fits(branch: Branch, { namespace, groups }: Wanting): boolean {
  const { state, home, areGroupsSure, missing, eni } = branch;
  return (
    state === "warm" &&
    home?.namespace === namespace &&
    areGroupsSure &&
    missing === 0 &&
    isSameSet(eni.groups, groups)
  );
}

/** It can be given to a pod once it has the pod's groups. */
export function fitsWithOtherGroups(branch: Branch, { namespace }: Wanting, warm: WarmSettings): boolean {
  const { state, home, missing } = branch;
  const isFor = home?.namespace === namespace && home.isOpen && missing === 0;
  return state === "warm" && isFor && warm.recycle === "across-groups";
}

/** One that a pod may have had can be kept for another: who may have it is known, and EC2 has it as we think. */
export function isRecyclable(branch: Branch, { recycle }: WarmSettings): boolean {
  const { home, areGroupsSure, association, vlan, missing } = branch;
  if (home === undefined || recycle === "off" || (home.isOpen && recycle !== "across-groups")) return false;
  const isWhole = association !== undefined && vlan !== undefined && missing === 0;
  return isWhole && isCertain(branch) && (areGroupsSure || home.isOpen);
}

/** Policies can still give its groups to a pod of its namespace. */
export function isWanted({ home, eni }: Branch, { policyGroups }: View): boolean {
  return home !== undefined && canGive(policyGroups(home.namespace), eni.groups);
}
