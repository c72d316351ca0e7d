import {
  type Attribute,
  NetlinkFormatError,
  attribute,
  concat,
  decodeAttributes,
  readBytes,
  readU32,
  u32Attribute,
  viewOf,
} from "../attribute.ts";
import { Fields } from "../fields.ts";
import { type IpFamily, formatIp, ipBytes } from "../../values/ip.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import {
  AF_UNSPEC,
  Protocol,
  RouteMessage,
  RouteType,
  Scope,
  Table,
  addressFamily,
  ipFamily,
} from "./constants.ts";

/** Routes: `struct rtmsg` and RTA_* (linux/rtnetlink.h). */

const HEADER = 12;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_CACHEINFO = 12;
const RTA_TABLE = 15;

/** rtm_flags (linux/rtnetlink.h): the only one that is set by whoever adds the route. */
const RTNH_F_ONLINK = 4;

/** An attribute not interpreted here, in a form that can be stored in a record. */
export interface KeptAttribute {
  readonly type: number;
  readonly hex: string;
}

export interface Route {
  readonly family: IpFamily;
  /** Destination address; with length 0, the default route of the family. */
  readonly destination: string;
  readonly length: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  /** Type of service; absent for 0 (any). */
  readonly tos?: number;
  readonly gateway?: string;
  /** ifindex of the output device. */
  readonly device?: number;
  /** Preferred source address (`src` in iproute2). */
  readonly source?: string;
  readonly priority?: number;
  /** The gateway is on-link even if no route says so. */
  readonly onlink?: boolean;
  readonly rest?: readonly KeptAttribute[];
}

/** A route with defaults: unicast, table main, protocol static, and link scope if it has no gateway. */
export function newRoute(route: Pick<Route, "family" | "destination" | "length"> & Partial<Route>): Route {
  return {
    table: Table.MAIN,
    protocol: Protocol.STATIC,
    // IPv6 has no scopes: the kernel always reports universe.
    scope: route.gateway === undefined && route.family === 4 ? Scope.LINK : Scope.UNIVERSE,
    type: RouteType.UNICAST,
    ...route,
  };
}

export function anyDestination(family: IpFamily): { family: IpFamily; destination: string; length: 0 } {
  return { family, destination: family === 4 ? "0.0.0.0" : "::", length: 0 };
}

/** Undefined for routes of other families. */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  if (payload.length < HEADER) throw new NetlinkFormatError(`A route of ${payload.length} bytes`);
  const view = viewOf(payload);
  const family = ipFamily(view.getUint8(0));
  if (family === undefined) return undefined;
  const fields = new Fields(decodeAttributes(payload.subarray(HEADER)));
  const ip = (attr: Attribute) => formatIp(readBytes(attr, family === 4 ? 4 : 16));
  const gateway = fields.take(RTA_GATEWAY, ip);
  const device = fields.take(RTA_OIF, readU32);
  const source = fields.take(RTA_PREFSRC, ip);
  const priority = fields.take(RTA_PRIORITY, readU32);
  const destination = fields.take(RTA_DST, ip) ?? anyDestination(family).destination;
  const table = fields.take(RTA_TABLE, readU32) ?? view.getUint8(4);
  // Age and use count are statistics, not part of the route.
  fields.take(RTA_CACHEINFO, () => undefined);
  const rest = fields.rest().map(({ type, data }) => ({ type, hex: Buffer.from(data).toString("hex") }));
  return {
    family,
    destination,
    length: view.getUint8(1),
    table,
    protocol: view.getUint8(5),
    scope: view.getUint8(6),
    type: view.getUint8(7),
    ...(view.getUint8(3) !== 0 && { tos: view.getUint8(3) }),
    ...(gateway !== undefined && { gateway }),
    ...(device !== undefined && { device }),
    ...(source !== undefined && { source }),
    ...(priority !== undefined && { priority }),
    ...((view.getUint32(8, true) & RTNH_F_ONLINK) !== 0 && { onlink: true }),
    ...(rest.length > 0 && { rest }),
  };
}

/**
 * Lists routes, optionally of one family, table or output device (the kernel filters). ENOENT if a family does not have
 * the table.
 */
export function listRoutes(family?: IpFamily, table?: number, device?: number): Request {
  return {
    type: RouteMessage.GETROUTE,
    // ip6_fib.c goes on by position once a route was added, fib_trie.c among routes to one destination.
    unwatched: true,
    lasting: withoutTimes,
    payload: concat([
      header(family, {}),
      ...(table === undefined ? [] : [u32Attribute(RTA_TABLE, table)]),
      ...(device === undefined ? [] : [u32Attribute(RTA_OIF, device)]),
    ]),
    operation: `list ${family === undefined ? "all" : `IPv${family}`} routes${table === undefined ? "" : ` of table ${table}`}`,
  };
}

/** A listed route without what changes by itself: how long one of a router's advertisement is still valid. */
function withoutTimes(payload: Uint8Array): Uint8Array {
  const attributes = decodeAttributes(payload.subarray(HEADER));
  return concat([
    payload.subarray(0, HEADER),
    ...attributes.flatMap(({ type, data }) => (type === RTA_CACHEINFO ? [] : [data])),
  ]);
}

/** The route that the kernel would use for an address now; the reply is one route with its source address. */
export function lookUpRoute(family: IpFamily, destination: string): Request {
  return {
    type: RouteMessage.GETROUTE,
    answered: true,
    payload: concat([
      header(family, { length: family === 4 ? 32 : 128 }),
      attribute(RTA_DST, ipBytes(destination)),
    ]),
    operation: `look up the route to ${destination}`,
  };
}

/** Adds the route, replacing one with the same destination, table and priority. */
export function replaceRoute(route: Route): Request {
  return {
    type: RouteMessage.NEWROUTE,
    flags: MessageFlag.CREATE | MessageFlag.REPLACE,
    payload: encode(route),
    operation: `add route ${describeRoute(route)}`,
  };
}

export function deleteRoute(route: Route): Request {
  return {
    type: RouteMessage.DELROUTE,
    payload: encode(route),
    operation: `delete route ${describeRoute(route)}`,
  };
}

/** Route types that end the lookup and discard the packet, by their names in iproute2. */
const REFUSALS: Readonly<Record<number, string>> = {
  [RouteType.BLACKHOLE]: "blackhole",
  [RouteType.UNREACHABLE]: "unreachable",
  [RouteType.PROHIBIT]: "prohibit",
};

/** Whether the route discards what matches it. */
export function isRefusal({ type }: Pick<Route, "type">): boolean {
  return REFUSALS[type] !== undefined;
}

export function describeRoute(route: Route): string {
  return [
    ...(REFUSALS[route.type] === undefined ? [] : [REFUSALS[route.type]]),
    // By a gateway the family shows.
    route.length === 0 && (route.family === 4 || route.gateway !== undefined)
      ? "default"
      : `${route.destination}/${route.length}`,
    ...(route.gateway === undefined ? [] : [`via ${route.gateway}`]),
    ...(route.device === undefined ? [] : [`dev ${route.device}`]),
    ...(route.source === undefined ? [] : [`src ${route.source}`]),
    ...(route.table === Table.MAIN ? [] : [`table ${route.table}`]),
  ].join(" ");
}

function encode(route: Route): Uint8Array {
  return concat([
    header(route.family, route),
    ...(route.length === 0 ? [] : [attribute(RTA_DST, ipBytes(route.destination))]),
    // Tables above 255 fit only into the attribute, which is valid for all tables.
    u32Attribute(RTA_TABLE, route.table),
    ...(route.device === undefined ? [] : [u32Attribute(RTA_OIF, route.device)]),
    ...(route.gateway === undefined ? [] : [attribute(RTA_GATEWAY, ipBytes(route.gateway))]),
    ...(route.source === undefined ? [] : [attribute(RTA_PREFSRC, ipBytes(route.source))]),
    ...(route.priority === undefined ? [] : [u32Attribute(RTA_PRIORITY, route.priority)]),
    ...(route.rest ?? []).map(({ type, hex }) => attribute(type, Buffer.from(hex, "hex"))),
  ]);
}

function header(family: IpFamily | undefined, route: Partial<Route>): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = viewOf(bytes);
  view.setUint8(0, family === undefined ? AF_UNSPEC : addressFamily(family));
  view.setUint8(1, route.length ?? 0);
  view.setUint8(3, route.tos ?? 0);
  view.setUint8(5, route.protocol ?? 0);
  view.setUint8(6, route.scope ?? 0);
  view.setUint8(7, route.type ?? 0);
  view.setUint32(8, route.onlink === true ? RTNH_F_ONLINK : 0, true);
  return bytes;
}
