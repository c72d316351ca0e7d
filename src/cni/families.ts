/** Which address families a branch gets: an annotation has both wherever its subnet has both. */

import type { WantedFamily } from "../ipam/annotation.ts";
import { type IpFamily, familyOf } from "../values/ip.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { quote } from "../text/json.ts";
import { type CniResult, requirePrimary } from "./result.ts";

/**
 * The families of the branch, each with the reason for it: those that `families` names, or those that the primary gave
 * the pod's interface, which are the cluster's.
 */
export function wantedFamilies(
  prevResult: CniResult,
  ifName: string,
  families: readonly IpFamily[] | undefined,
): WantedFamily[] {
  if (families !== undefined) {
    const value = quote(families.map(String));
    return families.map((family) => ({ family, because: `families ${value} asks for IPv${family}` }));
  }
  const { index } = requirePrimary(prevResult, ifName);
  // Every runtime takes an address without an index for the pod's interface's.
  const own = prevResult.ips.filter((ip) => ip.interface === undefined || ip.interface === index);
  const wanted = ([4, 6] as const).flatMap((family): WantedFamily[] => {
    const found = own.find(({ prefix }) => familyOf(prefix.address) === family)?.prefix;
    if (found === undefined) return [];
    return [{ family, because: `the primary gave ${ifName} ${found.address}/${found.length}` }];
  });
  if (wanted.length > 0) return wanted;
  throw new CniError(
    ErrorCode.InvalidConfig,
    `prevResult has no address of interface "${ifName}", so the address families of the branch are not known: the primary plugin must give it one, or the entry must set families`,
  );
}
