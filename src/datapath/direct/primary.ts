import { type IpFamily, type IpPrefix, familyOf, networkOf, widthOf } from "../../netlink/ip.ts";
import { type Address, AddressFlag } from "../../netlink/route/address.ts";
import { Protocol, Scope, Table } from "../../netlink/route/constants.ts";
import { type Route, newRoute } from "../../netlink/route/route.ts";
import type { PrimaryFacts } from "../facts.ts";
import type { Operation, Step } from "../operation.ts";
import { type DeviceSysctl, sameSysctl, sysctlKey } from "../sysctl.ts";

/**
 * The primary's interface under another name. Only a device that is down can be renamed, and setting one down loses its
 * routes, its neighbours and its IPv6 addresses: what of them is still wanted comes back afterwards, and all of it when
 * the branch goes.
 */

/** What a family's traffic by the primary needs; a family that the primary gave no address has none of it. */
export interface PrimaryFamily {
  readonly family: IpFamily;
  /** The pod's own address there. */
  readonly address: string;
  readonly gateway?: string;
}

export function primaryFamilies(primary: PrimaryFacts): PrimaryFamily[] {
  const found: PrimaryFamily[] = [];
  for (const family of [4, 6] as const) {
    const address = primary.addresses.find(
      (candidate) => familyOf(candidate.address) === family && candidate.scope === Scope.UNIVERSE,
    );
    if (address === undefined) continue;
    const gateway = defaultRoute(primary, family)?.gateway;
    found.push({ family, address: address.address, ...(gateway !== undefined && { gateway }) });
  }
  return found;
}

/** Parameters of the primary's interface that change while it is set aside. */
export const SET_ASIDE_SYSCTLS: readonly (DeviceSysctl & { readonly value: string })[] = [
  // What comes in here may be answered by the branch, and the other way round.
  { family: "ipv4", parameter: "rp_filter", value: "2" },
  // Its addresses come back after the rename; they were checked for duplicates when the primary set them.
  { family: "ipv6", parameter: "accept_dad", value: "0" },
];

/** Renames the primary's interface and leaves on it only its addresses: no route but the kernel's link-local ones. */
export function setAside(primary: PrimaryFacts, newName: string): Step[] {
  const { link } = primary;
  const pod = { at: "pod", device: link.index } as const;
  return [
    { do: { kind: "link", ...pod, up: false }, undo: restore(primary) },
    {
      do: { kind: "link", ...pod, name: newName },
      undo: [
        { kind: "link", ...pod, up: false },
        { kind: "link", ...pod, name: link.name },
      ],
    },
    ...SET_ASIDE_SYSCTLS.flatMap((sysctl): Step[] => {
      const old = primary.sysctls.find((found) => sameSysctl(found, sysctl))?.value;
      if (old === undefined) return [];
      const key = sysctlKey(sysctl, newName);
      return [
        {
          do: { kind: "sysctl", at: "pod", key, value: sysctl.value },
          undo: [{ kind: "sysctl", at: "pod", key, value: old, optional: true }],
        },
      ];
    }),
    { do: { kind: "link", ...pod, up: true }, undo: [] },
    ...primary.addresses.flatMap((address): Step[] => keepAddress(pod, address)),
  ];
}

/** After the rename: IPv6 addresses come back, and no address brings a route to its neighbours with it. */
function keepAddress(pod: { at: "pod"; device: number }, address: Address): Step[] {
  if (familyOf(address.address) === 6) {
    if (isKernelMade(address)) return [];
    const flags = address.flags | AddressFlag.NODAD | AddressFlag.NOPREFIXROUTE;
    return [{ do: { kind: "address", ...pod, address: withoutIndex(address, flags) }, undo: [] }];
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
  const pod = { at: "pod", device: link.index } as const;
  const isListed = (route: Route) =>
    primary.routes.some(
      (listed) =>
        listed.destination === route.destination &&
        listed.length === route.length &&
        listed.table === route.table &&
        listed.protocol === Protocol.KERNEL,
    );
  return [
    { kind: "link", ...pod, up: true },
    ...primary.addresses.flatMap((address): Operation[] => {
      if (familyOf(address.address) === 6) {
        if (isKernelMade(address)) return [];
        return [
          { kind: "address", ...pod, address: withoutIndex(address, address.flags | AddressFlag.NODAD) },
        ];
      }
      // A primary may have deleted the route that the kernel made for its address (ptp does).
      const route = prefixRoute(address);
      return route === undefined || isListed(route) ? [] : [{ kind: "route", ...pod, route, absent: true }];
    }),
    ...byDependency(ownRoutes(primary)).map(({ device: _, ...route }): Operation => ({
      kind: "route",
      ...pod,
      route,
    })),
    ...neighbours(primary),
  ];
}

/** The primary's permanent neighbours, to be set again. */
export function neighbours(primary: PrimaryFacts): Operation[] {
  return primary.permanentNeighbours.flatMap(({ address, mac }): Operation[] =>
    mac === undefined
      ? []
      : [{ kind: "neighbour", at: "pod", device: primary.link.index, neighbour: { address, mac } }],
  );
}

/** The routes that the primary made, as opposed to those that come with an address or a device. */
export function ownRoutes(primary: PrimaryFacts): Route[] {
  return primary.routes.filter((route) => route.protocol !== Protocol.KERNEL);
}

/** Routes to gateways before the routes through them. */
export function byDependency(routes: readonly Route[]): Route[] {
  const rank = (route: Route) => (route.gateway === undefined ? 0 : 1);
  return routes.toSorted((a, b) => rank(a) - rank(b));
}

export function defaultRoute(primary: PrimaryFacts, family: IpFamily): Route | undefined {
  return primary.routes
    .filter((route) => route.family === family && route.length === 0 && route.table === Table.MAIN)
    .toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))[0];
}

/** The route that the kernel makes for an IPv4 address with a prefix, each time its device comes up. */
function prefixRoute(address: Address): Omit<Route, "device"> | undefined {
  if ((address.flags & AddressFlag.NOPREFIXROUTE) !== 0 || address.prefixLength === widthOf(4))
    return undefined;
  const network: IpPrefix = { address: address.address, length: address.prefixLength };
  return newRoute({
    family: 4,
    destination: networkOf(network),
    length: network.length,
    protocol: Protocol.KERNEL,
    source: address.address,
  });
}

/** Link-local addresses that the kernel derives when the device comes up. */
function isKernelMade(address: Address): boolean {
  return address.scope === Scope.LINK && familyOf(address.address) === 6;
}

function withoutIndex({ index: _, rest: __, ...address }: Address, flags: number) {
  return { ...address, flags };
}
