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
 * The primary's interface under another name. Only a device that is down can be renamed, and setting one down loses its
 * routes, its neighbours and its IPv6 addresses: what of them is still wanted comes back afterwards, and all of it when
 * the branch goes.
 */

/** Parameters of the primary's interface that change while it is set aside. */
export const RENAMED_SYSCTLS: readonly (DeviceSysctl & { readonly value: string })[] = [
  // Strict: what comes in here and would be answered by the branch has passed the branch's groups by, as what kube-proxy's
  // IPVS forwards from the node's other pods would.
  { family: "ipv4", parameter: "rp_filter", value: "1" },
  // Its addresses come back after the rename; they were checked for duplicates when the primary set them.
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
        // Under the old name: a DEL that could not write one must find it again after it gave the name back.
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

/** After the rename: IPv6 addresses come back, and no address brings a route to its neighbours with it. */
function keepAddress(pod: { at: "pod"; device: number }, address: Address): Step[] {
  if (familyOf(address.address) === 6) {
    if (isKernelMade(address)) return [];
    const flags = address.flags | AddressFlag.NODAD | AddressFlag.NOPREFIXROUTE;
    return [{ do: { kind: "address", ...pod, address: asNewAddress(address, flags) }, undo: [] }];
  }
  const route = prefixRoute(address);
  if (route === undefined) return [];
  // Neighbours on the primary's network would be reached around the branch, whose groups would not apply.
  return [{ do: { kind: "route", ...pod, route, absent: true }, undo: [] }];
}

/** What brings the interface back to what the primary left, once it has its old name. */
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
