import { type IpFamily, type IpPrefix, familyOf, networkOf, widthOf } from "../values/ip.ts";
import { type Address, AddressFlag } from "../netlink/route/address.ts";
import { Protocol, Scope, Table } from "../netlink/route/constants.ts";
import { type Route, newRoute } from "../netlink/route/route.ts";
import type { PrimaryFacts } from "./facts.ts";
import type { Operation } from "./operation.ts";

/** What a primary plugin set on the pod's interface, and the operations that restore it. */

/** A family's address on the interface, and the gateway of its default route. */
export interface PrimaryFamily {
  readonly family: IpFamily;
  readonly address: string;
  readonly gateway?: string;
}

/** The families that the primary gave an address. */
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

/** The routes that the primary made, not those that the kernel adds with an address or a device. */
export function ownRoutes(primary: PrimaryFacts): Route[] {
  return primary.routes.filter((route) => route.protocol !== Protocol.KERNEL);
}

/** Routes to gateways before the routes through them. */
export function byDependency(routes: readonly Route[]): Route[] {
  const rank = (route: Route) => (route.gateway === undefined ? 0 : 1);
  return routes.toSorted((a, b) => rank(a) - rank(b));
}

/** The kernel makes link-local addresses when a device comes up. */
export function isKernelMade(address: Address): boolean {
  return address.scope === Scope.LINK && familyOf(address.address) === 6;
}

/** The address as it can be set again: with these flags (AddressFlag), without its device. */
export function asNewAddress({ index: _, rest: __, ...address }: Address, flags: number) {
  return { ...address, flags };
}

/** The route to its prefix that the kernel adds whenever the address is set or its device comes up. */
export function prefixRoute(address: Address): Omit<Route, "device"> | undefined {
  const family = familyOf(address.address);
  if ((address.flags & AddressFlag.NOPREFIXROUTE) !== 0) return undefined;
  if (family === 4 && address.prefixLength === widthOf(4)) return undefined;
  const network: IpPrefix = { address: address.address, length: address.prefixLength };
  return newRoute({
    family,
    destination: networkOf(network),
    length: network.length,
    protocol: Protocol.KERNEL,
    // An IPv6 one has its own metric (IP6_RT_PRIO_ADDRCONF, linux/ipv6_route.h) and no source.
    ...(family === 4 ? { source: address.address } : { priority: 256 }),
  });
}

/** Restores the interface's addresses, with only those routes to their prefixes that it had. */
export function restoreAddresses(primary: PrimaryFacts): Operation[] {
  return ownAddresses(primary).flatMap((address) => restoreAddress(primary, address));
}

/** The addresses that the primary set. */
export function ownAddresses(primary: PrimaryFacts): Address[] {
  return primary.addresses.filter((address) => !isKernelMade(address));
}

export function restoreAddress(primary: PrimaryFacts, address: Address): Operation[] {
  const pod = { at: "pod", device: primary.link.index } as const;
  // Checked for duplicates when the primary set it.
  const flags = familyOf(address.address) === 4 ? address.flags : address.flags | AddressFlag.NODAD;
  const route = prefixRoute(address);
  return [
    { kind: "address", ...pod, address: asNewAddress(address, flags) },
    // A primary may have deleted the route that the kernel made for its address (ptp does).
    ...(route === undefined || isListed(primary, route)
      ? []
      : [{ kind: "route", ...pod, route, absent: true } as const]),
  ];
}

/** Restores the primary's own routes. */
export function restoreRoutes(primary: PrimaryFacts): Operation[] {
  const pod = { at: "pod", device: primary.link.index } as const;
  return byDependency(ownRoutes(primary)).map(({ device: _, ...route }) => ({
    kind: "route",
    ...pod,
    route,
  }));
}

/** Restores the primary's permanent neighbours. */
export function restoreNeighbours(primary: PrimaryFacts): Operation[] {
  return primary.permanentNeighbours.flatMap(({ address, mac }): Operation[] =>
    mac === undefined
      ? []
      : [{ kind: "neighbour", at: "pod", device: primary.link.index, neighbour: { address, mac } }],
  );
}

function defaultRoute(primary: PrimaryFacts, family: IpFamily): Route | undefined {
  return primary.routes
    .filter((route) => route.family === family && route.length === 0 && route.table === Table.MAIN)
    .toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))[0];
}

function isListed(primary: PrimaryFacts, route: Omit<Route, "device">): boolean {
  return primary.routes.some(
    (listed) =>
      listed.destination === route.destination &&
      listed.length === route.length &&
      listed.table === route.table &&
      listed.protocol === Protocol.KERNEL,
  );
}
