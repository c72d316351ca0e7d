import { familyOf } from "../../values/ip.ts";
import { AddressFlag } from "../../netlink/route/address.ts";
import { Table } from "../../netlink/route/constants.ts";
import type { Link } from "../../netlink/route/link.ts";
import type { Route } from "../../netlink/route/route.ts";
import type { PrimaryFacts } from "../facts.ts";
import { inspectPrimary } from "../inspect.ts";
import { type Kernel, isLinkOnNode } from "../kernel.ts";
import { hasTable, tableOf } from "../numbers.ts";
import { type Operation, undoOf } from "../operation.ts";
import { readRoutes, readRulesTo } from "../read.ts";
import { prefixRoute } from "../primary.ts";
import { isLastResort } from "../steps.ts";
import { type SysctlFact, sysctlKey } from "../sysctl.ts";
import { RENAMED_SYSCTLS, renamePrimary } from "./rename-primary.ts";

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
  if (primary?.kind !== "veth" || branch.linkIndex === undefined) return undefined;
  // The other end of the veth is on the node, so the trunk is where that is.
  if (!isLinkOnNode("pod", branch) || branch.linkNetnsId !== primary.linkNetnsId) return undefined;
  const { id: vlanId } = branch.vlan;
  if (!hasTable(vlanId)) return undefined;
  const table = tableOf(vlanId);
  const restored = restoredPrimary(kernel, { ...primary, name: pod.ifName }, table);
  const vlan = {
    name: pod.ifName,
    vlanId,
    mac: branch.mac,
    mtu: branch.mtu,
    trunk: branch.linkIndex,
  };
  const rules = readRulesTo(kernel, "pod", table);
  const lastResorts = readRoutes(kernel, "pod", undefined, Table.MAIN).filter(isLastResort);
  return {
    vlanId,
    operations: [
      { kind: "vlan", at: "pod", vlan, absent: true },
      ...rules.map((rule): Operation => ({ kind: "rule", at: "pod", rule, absent: true })),
      // They have no device to go with; IPv6 lists lo.
      ...lastResorts.map(({ device: _, ...route }): Operation => ({
        kind: "route",
        at: "pod",
        route,
        absent: true,
      })),
      ...undoOf(renamePrimary(restored, usualSysctls(kernel, pod.ifName), pod.hostInterfaceName)),
      ...loopbackAsUsual(kernel),
    ],
  };
}

/** The primary as it was, as far as that can be told from what was made of it. */
function restoredPrimary(kernel: Kernel, link: Link, table: number): PrimaryFacts {
  const facts = inspectPrimary(kernel, link);
  const own = readRoutes(kernel, "pod", undefined, table).map((route) => ({ ...route, table: Table.MAIN }));
  // Setting the primary aside put this on its IPv6 addresses.
  const addresses = facts.addresses.map((address) =>
    familyOf(address.address) === 6
      ? { ...address, flags: address.flags & ~AddressFlag.NOPREFIXROUTE }
      : address,
  );
  // The kernel's own route to a prefix was there, unless the primary had put one of its own in its place (as ptp does).
  const isReplaced = (route: Omit<Route, "device">) =>
    own.some(({ destination, length }) => destination === route.destination && length === route.length);
  const routes = addresses.flatMap((address) => prefixRoute(address) ?? []);
  return { ...facts, link, addresses, routes: [...own, ...routes.filter((route) => !isReplaced(route))] };
}

/** What a new device in the pod's namespace has, and so the primary's had unless the primary plugin changed it. */
function usualSysctls(kernel: Kernel, device: string): SysctlFact[] {
  return RENAMED_SYSCTLS.flatMap(({ family, parameter }) => {
    const value = kernel.readSysctl("pod", sysctlKey({ family, parameter }, "default"));
    return value === undefined ? [] : [{ family, parameter, device, value }];
  });
}

/** Where a runtime switched IPv6 off in the pod, it had been so on lo as well. */
function loopbackAsUsual(kernel: Kernel): Operation[] {
  const sysctl = { family: "ipv6", parameter: "disable_ipv6" } as const;
  if (kernel.readSysctl("pod", sysctlKey(sysctl, "default")) !== "1") return [];
  return [{ kind: "sysctl", at: "pod", key: sysctlKey(sysctl, "lo"), value: "1", optional: true }];
}
