import { Table } from "../../netlink/route/constants.ts";
import { inspectPrimary } from "../inspect.ts";
import type { Kernel } from "../kernel.ts";
import { tableOf } from "../numbers.ts";
import { type Operation, undoOf } from "../operation.ts";
import { readRoutes, readRulesTo } from "../read.ts";
import { setAside } from "./primary.ts";

/**
 * What gives a pod its primary interface back when no record says how: the VLAN device has the branch's MAC, the
 * primary is under the name it was set aside with, and the routes it had are in the table of the VLAN id.
 */
export function restoreFrom(
  kernel: Kernel,
  pod: { readonly ifName: string; readonly hostInterfaceName: string; readonly macs: readonly string[] },
): { vlanId: number; operations: Operation[] } | undefined {
  const branch = kernel.link("pod", pod.ifName);
  if (branch?.vlan === undefined || branch.mac === undefined || !pod.macs.includes(branch.mac))
    return undefined;
  const primary = kernel.link("pod", pod.hostInterfaceName);
  if (primary?.kind !== "veth" || branch.parentIndex === undefined) return undefined;
  const { id: vlanId } = branch.vlan;
  const facts = inspectPrimary(kernel, primary);
  const table = tableOf(vlanId);
  const restored = {
    ...facts,
    link: { ...primary, name: pod.ifName },
    routes: ([4, 6] as const)
      .flatMap((family) => readRoutes(kernel, "pod", family, table))
      .map((route) => ({ ...route, table: Table.MAIN })),
  };
  const vlan = {
    name: pod.ifName,
    vlanId,
    mac: branch.mac,
    mtu: branch.mtu,
    trunk: branch.parentIndex,
  };
  const rules = ([4, 6] as const).flatMap((family) => readRulesTo(kernel, "pod", family, table));
  return {
    vlanId,
    operations: [
      { kind: "vlan", at: "pod", vlan, absent: true },
      ...rules.map((rule): Operation => ({ kind: "rule", at: "pod", rule, absent: true })),
      ...undoOf(setAside(restored, [], pod.hostInterfaceName)),
    ],
  };
}
