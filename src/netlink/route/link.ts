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
import { formatMac, macBytes } from "../mac.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { AF_UNSPEC, RouteMessage } from "./constants.ts";
import { type VlanInfo, decodeVlan, encodeVlan } from "./vlan.ts";

/** Network devices: `struct ifinfomsg` and IFLA_* (linux/rtnetlink.h, linux/if_link.h). */

const HEADER = 16;
const IFF_UP = 0x1;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;

/** Statistics are most of a link's message, and nobody here reads them. */
const RTEXT_FILTER_SKIP_STATS = 1 << 3;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Absent on devices without an Ethernet address. */
  readonly mac?: string;
  readonly mtu: number;
  /** The parent of a VLAN device, the other end of a veth pair. */
  readonly parentIndex?: number;
  /** The namespace parentIndex counts in, by this one's number for it; absent when it is this one. */
  readonly parentNetnsId?: number;
  /** `vlan`, `veth`, …; absent for hardware. */
  readonly kind?: string;
  readonly vlan?: VlanInfo;
  readonly rest: readonly Attribute[];
}

/** A VLAN device to create, in the namespace behind the descriptor, already named. */
export interface NewVlan {
  readonly name: string;
  /** In the namespace of the socket that sends the request. */
  readonly parentIndex: number;
  readonly vlanId: number;
  readonly mac: string;
  readonly mtu: number;
  /** Descriptor of the namespace it is to live in; the sender's own when absent. */
  readonly namespaceFd?: number;
}

export function decodeLink(payload: Uint8Array): Link {
  if (payload.length < HEADER) throw new NetlinkFormatError(`A link of ${payload.length} bytes`);
  const view = viewOf(payload);
  const fields = new Fields(decodeAttributes(payload.subarray(HEADER)));
  const mac = fields.take(IFLA_ADDRESS, (attr) => attr.data);
  const parentIndex = fields.take(IFLA_LINK, readU32);
  const parentNetnsId = fields.take(IFLA_LINK_NETNSID, readI32);
  const info = fields.take(IFLA_LINKINFO, (attr) => new Fields(decodeAttributes(attr.data)));
  const kind = info?.take(IFLA_INFO_KIND, readText);
  const data = info?.take(IFLA_INFO_DATA, (attr) => attr.data);
  return {
    index: view.getInt32(4, true),
    name: fields.take(IFLA_IFNAME, readText) ?? "",
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    ...(mac?.length === 6 && { mac: formatMac(mac) }),
    mtu: fields.take(IFLA_MTU, readU32) ?? 0,
    ...(parentIndex !== undefined && { parentIndex }),
    ...(parentNetnsId !== undefined && { parentNetnsId }),
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

/** All devices of the namespace, or those of one kind: the kernel leaves the others out itself. */
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
      u32Attribute(IFLA_LINK, vlan.parentIndex),
      u32Attribute(IFLA_MTU, vlan.mtu),
      attribute(IFLA_ADDRESS, macBytes(vlan.mac)),
      ...(vlan.namespaceFd === undefined ? [] : [u32Attribute(IFLA_NET_NS_FD, vlan.namespaceFd)]),
      nested(IFLA_LINKINFO, [
        textAttribute(IFLA_INFO_KIND, "vlan"),
        nested(IFLA_INFO_DATA, encodeVlan({ id: vlan.vlanId })),
      ]),
    ]),
    operation: `create VLAN device ${vlan.name} with id ${vlan.vlanId} on the trunk (ifindex ${vlan.parentIndex})`,
  };
}

/** Changes a device that exists. A new name is applied before the flags, so one request can rename and set up. */
export function changeLink(index: number, change: { name?: string; up?: boolean }): Request {
  return {
    type: RouteMessage.NEWLINK,
    payload: concat([
      header(index, change.up),
      ...(change.name === undefined ? [] : [textAttribute(IFLA_IFNAME, change.name)]),
    ]),
    operation: [
      ...(change.name === undefined ? [] : [`rename device ${index} to ${change.name}`]),
      ...(change.up === undefined ? [] : [`set device ${change.name ?? index} ${change.up ? "up" : "down"}`]),
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
