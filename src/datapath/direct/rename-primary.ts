import { familyOf } from "../../values/ip.ts";
import { type Address, AddressFlag } from "../../netlink/route/address.ts";
import type { PrimaryFacts } from "../facts.ts";
import type { Operation, Step } from "../operation.ts";
import {
  restoreAddresses,
  isKernelMade,
  restoreNeighbours,
  prefixRoute,
  restoreRoutes,
  asNewAddress,
} from "../primary.ts";
import { type DeviceSysctl, type SysctlFact, factOf, sysctlKey } from "../sysctl.ts";

/**
 * Renames the primary's interface. A device must be down to be renamed, and loses its routes, neighbours and IPv6
 * addresses when it is set down: those still needed are restored right away, all of them when the branch is detached.
 */

/** Parameters of the primary's interface that change with its name. */
export const RENAMED_SYSCTLS: readonly (DeviceSysctl & { readonly value: string })[] = [
  // Strict: a packet that comes in here but would be answered by the branch has bypassed the branch's groups.
  // kube-proxy's IPVS forwards such packets from other pods of the node.
  { family: "ipv4", parameter: "rp_filter", value: "1" },
  // Its addresses are restored after the rename; they were checked for duplicates when the primary set them.
  { family: "ipv6", parameter: "accept_dad", value: "0" },
];

/** Renames the primary's interface and leaves on it only its addresses: no route but the kernel's link-local ones. */
export function renamePrimary(
  primary: PrimaryFacts,
  sysctls: readonly SysctlFact[],
  newName: string,
): Step[] {
  const { link } = primary;
  const pod = { at: "pod", device: link.index } as const;
  const changed = RENAMED_SYSCTLS.flatMap((sysctl) => {
    const old = factOf(sysctls, sysctl, link.name);
    return old === undefined ? [] : [{ ...sysctl, old }];
  });
  return [
    { do: { kind: "link", ...pod, up: false }, undo: restore(primary) },
    {
      do: { kind: "link", ...pod, name: newName },
      undo: [
        { kind: "link", ...pod, up: false },
        { kind: "link", ...pod, name: link.name },
        // Under the old name: a DEL that fails to write one must find it again after it has restored the name.
        ...changed.map(({ old, ...sysctl }): Operation => ({
          kind: "sysctl",
          at: "pod",
          key: sysctlKey(sysctl, link.name),
          value: old,
          optional: true,
        })),
      ],
    },
    ...changed.map(({ value, ...sysctl }): Step => ({
      do: { kind: "sysctl", at: "pod", key: sysctlKey(sysctl, newName), value },
      undo: [],
    })),
    { do: { kind: "link", ...pod, up: true }, undo: [] },
    ...primary.addresses.flatMap((address): Step[] => keepAddress(pod, address)),
  ];
}

/** After the rename: restores IPv6 addresses and removes the routes to neighbours that addresses bring with them. */
function keepAddress(pod: { at: "pod"; device: number }, address: Address): Step[] {
  if (familyOf(address.address) === 6) {
    if (isKernelMade(address)) return [];
    const flags = address.flags | AddressFlag.NODAD | AddressFlag.NOPREFIXROUTE;
    return [{ do: { kind: "address", ...pod, address: asNewAddress(address, flags) }, undo: [] }];
  }
  const route = prefixRoute(address);
  if (route === undefined) return [];
  // Neighbours on the primary's network would be reached around the branch and its groups.
  return [{ do: { kind: "route", ...pod, route, absent: true }, undo: [] }];
}

/** Restores what the primary had set on the interface, once it has its old name again. */
function restore(primary: PrimaryFacts): Operation[] {
  const { link } = primary;
  if (!link.up) return [];
  return [
    { kind: "link", at: "pod", device: link.index, up: true },
    ...restoreAddresses(primary),
    ...restoreRoutes(primary),
    ...restoreNeighbours(primary),
  ];
}
