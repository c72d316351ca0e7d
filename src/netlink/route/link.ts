import {
  type Attribute,
  NetlinkFormatError,
  attribute,
  concat,
  decodeAttributes,
  nested,
  readI32,
  readText,
  readU32,
  textAttribute,
  u32Attribute,
  viewOf,
} from "../attribute.ts";
import { Fields } from "../fields.ts";
import { formatMac, macBytes } from "../../values/mac.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { AF_INET, AF_UNSPEC, RouteMessage } from "./constants.ts";
import { type VlanInfo, decodeVlan, encodeVlan } from "./vlan.ts";

/** Network devices: `struct ifinfomsg` and IFLA_* (linux/rtnetlink.h, linux/if_link.h). */

const HEADER = 16;
const IFF_UP = 0x1;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
/** IPv4 parameters, in IFLA_AF_SPEC under AF_INET: the kernel sends an array and takes attributes (net/ipv4/devinet.c). */
const IFLA_INET_CONF = 1;
/** IPV4_DEVCONF_RP_FILTER (linux/ip.h); the array starts at 1. */
const RP_FILTER = 8;

/** Omits statistics, which make up most of a link message and are not needed here. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Absent on devices without an Ethernet address. */
  readonly mac?: string;
  readonly mtu: number;
  /** The parent of a VLAN device, the other end of a veth pair. */
  readonly linkIndex?: number;
  /** nsid of the namespace that linkIndex belongs to; absent if it is this namespace. */
  readonly linkNetnsId?: number;
  /** `vlan`, `veth`, …; absent for physical devices. */
  readonly kind?: string;
  readonly vlan?: VlanInfo;
  readonly rest: readonly Attribute[];
}

/** Which device a message is about, and whether it is up (`ip link set up`): the header alone. */
export function decodeLinkState(payload: Uint8Array): Pick<Link, "index" | "up"> {
  if (payload.length < HEADER) throw new NetlinkFormatError(`A link of ${payload.length} bytes`);
  const view = viewOf(payload);
  return { index: view.getInt32(4, true), up: (view.getUint32(8, true) & IFF_UP) !== 0 };
}

/** A VLAN device to create under its final name, directly in its namespace. */
export interface NewVlan {
  readonly name: string;
  /** In the namespace of the socket that sends the request. */
  readonly linkIndex: number;
  readonly vlanId: number;
  readonly mac: string;
  readonly mtu: number;
  /** Descriptor of the namespace to create it in; by default the sender's. */
  readonly namespaceFd?: number;
}

export function decodeLink(payload: Uint8Array): Link {
  const state = decodeLinkState(payload);
  const fields = new Fields(decodeAttributes(payload.subarray(HEADER)));
  const mac = fields.take(IFLA_ADDRESS, (attr) => attr.data);
  const linkIndex = fields.take(IFLA_LINK, readU32);
  const linkNetnsId = fields.take(IFLA_LINK_NETNSID, readI32);
  const info = fields.take(IFLA_LINKINFO, (attr) => new Fields(decodeAttributes(attr.data)));
  const kind = info?.take(IFLA_INFO_KIND, readText);
  const data = info?.take(IFLA_INFO_DATA, (attr) => attr.data);
  return {
    ...state,
    name: fields.take(IFLA_IFNAME, readText) ?? "",
    ...(mac?.length === 6 && { mac: formatMac(mac) }),
    mtu: fields.take(IFLA_MTU, readU32) ?? 0,
    ...(linkIndex !== undefined && { linkIndex }),
    ...(linkNetnsId !== undefined && { linkNetnsId }),
    ...(kind !== undefined && { kind }),
    ...(kind === "vlan" && data !== undefined && { vlan: decodeVlan(data) }),
    rest: fields.rest(),
  };
}

export function getLink(device: number | string): Request {
  return {
    type: RouteMessage.GETLINK,
    answered: true,
    payload: concat([
      header(typeof device === "number" ? device : 0),
      ...(typeof device === "string" ? [textAttribute(IFLA_IFNAME, device)] : []),
      u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
    ]),
    operation: `read device ${device}`,
  };
}

/** All devices of the namespace, or those of one kind (the kernel filters). */
export function listLinks(kind?: string): Request {
  return {
    type: RouteMessage.GETLINK,
    payload: concat([
      header(0),
      u32Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
      ...(kind === undefined ? [] : [nested(IFLA_LINKINFO, [textAttribute(IFLA_INFO_KIND, kind)])]),
    ]),
    operation: "list devices",
  };
}

export function createVlan(vlan: NewVlan): Request {
  return {
    type: RouteMessage.NEWLINK,
    flags: MessageFlag.CREATE | MessageFlag.EXCL,
    payload: concat([
      header(0),
      textAttribute(IFLA_IFNAME, vlan.name),
      u32Attribute(IFLA_LINK, vlan.linkIndex),
      u32Attribute(IFLA_MTU, vlan.mtu),
      attribute(IFLA_ADDRESS, macBytes(vlan.mac)),
      ...(vlan.namespaceFd === undefined ? [] : [u32Attribute(IFLA_NET_NS_FD, vlan.namespaceFd)]),
      nested(IFLA_LINKINFO, [
        textAttribute(IFLA_INFO_KIND, "vlan"),
        nested(IFLA_INFO_DATA, encodeVlan({ id: vlan.vlanId })),
      ]),
    ]),
    operation: `create VLAN device ${vlan.name} with id ${vlan.vlanId} on the trunk (ifindex ${vlan.linkIndex})`,
  };
}

/** The device's own rp_filter; undefined if the message has none (a device without IPv4). */
export function reversePathFilterOf({ rest }: Link): number | undefined {
  const inside = (data: Uint8Array | undefined, wanted: number): Uint8Array | undefined =>
    data === undefined ? undefined : decodeAttributes(data).find(({ type }) => type === wanted)?.data;
  const families = rest.find(({ type }) => type === IFLA_AF_SPEC)?.data;
  const parameters = inside(inside(families, AF_INET), IFLA_INET_CONF);
  if (parameters === undefined || parameters.length < 4 * RP_FILTER) return undefined;
  return viewOf(parameters).getInt32(4 * (RP_FILTER - 1), true);
}

export interface LinkChange {
  readonly name?: string;
  readonly up?: boolean;
  /** Set by ifindex: /proc/sys goes by name, and another device may have taken the name. */
  readonly reversePathFilter?: number;
}

/** Changes an existing device. The kernel applies the name before the flags, so one request can rename and set up. */
export function changeLink(index: number, change: LinkChange): Request {
  const { reversePathFilter: filter } = change;
  return {
    type: RouteMessage.NEWLINK,
    payload: concat([
      header(index, change.up),
      ...(change.name === undefined ? [] : [textAttribute(IFLA_IFNAME, change.name)]),
      ...(filter === undefined
        ? []
        : [
            nested(IFLA_AF_SPEC, [
              nested(AF_INET, [nested(IFLA_INET_CONF, [u32Attribute(RP_FILTER, filter)])]),
            ]),
          ]),
    ]),
    operation: [
      ...(change.name === undefined ? [] : [`rename device ${index} to ${change.name}`]),
      ...(change.up === undefined ? [] : [`set device ${change.name ?? index} ${change.up ? "up" : "down"}`]),
      ...(filter === undefined ? [] : [`set rp_filter of device ${index} to ${filter}`]),
    ].join(" and "),
  };
}

export function deleteLink(index: number): Request {
  return { type: RouteMessage.DELLINK, payload: header(index), operation: `delete device ${index}` };
}

function header(index: number, up?: boolean): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = viewOf(bytes);
  view.setUint8(0, AF_UNSPEC);
  view.setInt32(4, index, true);
  view.setUint32(8, up === true ? IFF_UP : 0, true);
  view.setUint32(12, up === undefined ? 0 : IFF_UP, true);
  return bytes;
}
