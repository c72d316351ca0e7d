import { NetlinkError } from "../netlink/error.ts";
import type { Message } from "../netlink/message.ts";
import { type IpFamily, ipBytes } from "../values/ip.ts";
import { Errno } from "../sys/errno.ts";
import { Protocol } from "../netlink/route/constants.ts";
import {
  type Address,
  decodeAddress,
  isIpAddress,
  listAddresses,
  scopeOf,
} from "../netlink/route/address.ts";
import {
  type Neighbour,
  NUD_PERMANENT,
  decodeNeighbour,
  listNeighbours,
} from "../netlink/route/neighbour.ts";
import { type Route, decodeRoute, listRoutes } from "../netlink/route/route.ts";
import {
  type ListedRule,
  type Rule,
  decodeRule,
  listRules,
  mayLookUp,
  plainRule,
} from "../netlink/route/rule.ts";
import { type Claims, isAbout } from "./claims.ts";
import { type Kernel, isAbsence } from "./kernel.ts";
import type { Netns } from "./operation.ts";

/** Addresses, routes, rules and neighbours of a namespace, decoded. */

/** The addresses of one device, or of all (index 0); those of one scope (rt_scope_t), or of any. */
export function readAddresses(kernel: Kernel, at: Netns, index: number, scope?: number): Address[] {
  return kernel
    .socket(at)
    .dump(listAddresses(index))
    .filter(({ payload }) => isIpAddress(payload) && (scope === undefined || scopeOf(payload) === scope))
    .map(({ payload }) => decodeAddress(payload));
}

/** The routes of one family, or of both; of one table, or of all; by one device, or by any. */
export function readRoutes(
  kernel: Kernel,
  at: Netns,
  family?: IpFamily,
  table?: number,
  device?: number,
): Route[] {
  try {
    return (
      kernel
        .socket(at)
        .dump(listRoutes(family, table, device))
        .flatMap(({ payload }) => decodeRoute(payload) ?? [])
        // A kernel without IPv6 (ipv6.disable=1) answers with the routes of all families that it has.
        .filter((route) => family === undefined || route.family === family)
    );
  } catch (error) {
    // A table does not exist until it is used.
    if (table !== undefined && isAbsence(error)) return [];
    throw error;
  }
}

/**
 * The IPv4 routes by the node's end of a pod's veth, except the kernel's own and those in that table, which are a
 * branch's.
 */
export function readRoutesOfPrimary(kernel: Kernel, device: number, table: number): Route[] {
  return readRoutes(kernel, "node", 4, undefined, device).filter(
    (route) => route.protocol !== Protocol.KERNEL && route.table !== table,
  );
}

/** The rules of one family, or of both. */
export function readRules(kernel: Kernel, at: Netns, family?: IpFamily): ListedRule[] {
  return dumpRules(kernel, at, family).flatMap(({ payload }) => decodeRule(payload) ?? []);
}

/** The rules of both families that look up one table. */
export function readRulesTo(kernel: Kernel, at: Netns, table: number): Rule[] {
  return dumpRules(kernel, at)
    .filter(({ payload }) => mayLookUp(payload, table))
    .flatMap(({ payload }) => decodeRule(payload) ?? [])
    .filter((rule) => rule.table === table)
    .map(plainRule);
}

/** The rules of both families that match a branch's packets or look up its table. */
export function readRulesAbout(kernel: Kernel, at: Netns, claims: Claims): Rule[] {
  // A node has rules for every pod: only those that contain one of these are decoded.
  const marks = [
    ...claims.devices.map((name) => Buffer.from(`${name}\0`)),
    ...claims.addresses.map((address) => Buffer.from(ipBytes(address))),
  ];
  const isMarked = ({ buffer, byteOffset, length }: Uint8Array) => {
    const bytes = Buffer.from(buffer, byteOffset, length);
    return marks.some((mark) => bytes.includes(mark));
  };
  return dumpRules(kernel, at)
    .filter(({ payload }) => mayLookUp(payload, claims.table) || isMarked(payload))
    .flatMap(({ payload }) => decodeRule(payload) ?? [])
    .filter((rule) => isAbout(rule, claims))
    .map(plainRule);
}

function dumpRules(kernel: Kernel, at: Netns, family?: IpFamily): Message[] {
  try {
    return kernel.socket(at).dump(listRules(family));
  } catch (error) {
    // A kernel without the family has none of its rules.
    if (error instanceof NetlinkError && error.errno === Errno.EAFNOSUPPORT) return [];
    throw error;
  }
}

export function readPermanentNeighbours(kernel: Kernel, at: Netns, device: number): Neighbour[] {
  return kernel
    .socket(at)
    .dump(listNeighbours(device))
    .flatMap(({ payload }) => decodeNeighbour(payload) ?? [])
    .filter(({ state }) => (state & NUD_PERMANENT) !== 0);
}
