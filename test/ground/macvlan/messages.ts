// rtnetlink messages of a kernel without 8021q as one with it would have them: a macvlan in a group stands for a VLAN, and
// the group's number for its id. The kernel keeps the group from the moment a device is made, in whichever namespace.
import {
  align4,
  attribute,
  concat,
  decodeAttributes,
  nested,
  readText,
  readU16,
  readU32,
  textAttribute,
  u32Attribute,
  viewOf,
  type Attribute,
} from "../../../src/netlink/attribute.ts";
import { RouteMessage } from "../../../src/netlink/route/constants.ts";
import { encodeVlan } from "../../../src/netlink/route/vlan.ts";

/** `struct nlmsghdr`, and `struct ifinfomsg` behind it. */
const HEADER = 16;
const LINK_HEADER = 16;

const IFLA_LINKINFO = 18;
const IFLA_GROUP = 27;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;

/** A datagram to the kernel: what asks for a VLAN device, or for a list of them, asks for macvlans. */
export function toMacvlan(datagram: Uint8Array): Uint8Array {
  return eachLink(datagram, [RouteMessage.NEWLINK, RouteMessage.GETLINK], (attributes) => {
    const info = linkInfo(attributes);
    if (info === undefined || kindOf(info) !== "vlan") return undefined;
    const data = find(info, IFLA_INFO_DATA);
    const id = data === undefined ? undefined : find(decodeAttributes(data.data), IFLA_VLAN_ID);
    return [
      nested(IFLA_LINKINFO, [textAttribute(IFLA_INFO_KIND, "macvlan")]),
      ...(id === undefined ? [] : [u32Attribute(IFLA_GROUP, readU16(id))]),
    ];
  });
}

/** A datagram from the kernel: a macvlan that is in a group is a VLAN device. */
export function toVlan(datagram: Uint8Array): Uint8Array {
  return eachLink(datagram, [RouteMessage.NEWLINK], (attributes) => {
    const info = linkInfo(attributes);
    if (info === undefined || kindOf(info) !== "macvlan") return undefined;
    const group = find(attributes, IFLA_GROUP);
    if (group === undefined || readU32(group) === 0) return undefined;
    const data = nested(IFLA_INFO_DATA, encodeVlan({ id: readU32(group) }));
    const others = info.filter(({ type }) => type !== IFLA_INFO_KIND && type !== IFLA_INFO_DATA);
    return [
      nested(IFLA_LINKINFO, [
        textAttribute(IFLA_INFO_KIND, "vlan"),
        data,
        ...others.map((one) => attribute(one.type, one.data)),
      ]),
    ];
  });
}

type Replace = (attributes: readonly Attribute[]) => readonly Uint8Array[] | undefined;

/** The datagram with other attributes in place of each IFLA_LINKINFO for which `replace` has some. */
function eachLink(datagram: Uint8Array, types: readonly number[], replace: Replace): Uint8Array {
  const view = viewOf(datagram);
  const messages: Uint8Array[] = [];
  for (let offset = 0; offset < datagram.length;) {
    const length = view.getUint32(offset, true);
    const next = Math.min(offset + align4(Math.max(length, HEADER)), datagram.length);
    const message = datagram.subarray(offset, next);
    const isLink = types.includes(view.getUint16(offset + 4, true)) && length > HEADER + LINK_HEADER;
    messages.push(isLink ? replaced(message, length, replace) : message);
    offset = next;
  }
  return concat(messages);
}

function replaced(message: Uint8Array, length: number, replace: Replace): Uint8Array {
  const body = message.subarray(HEADER + LINK_HEADER, length);
  const attributes = decodeAttributes(body);
  const instead = replace(attributes);
  if (instead === undefined) return message;
  // The others as they are, with the flags of their types.
  const others = attributes
    .filter(({ type }) => type !== IFLA_LINKINFO)
    .map(({ data }) => attribute(viewOf(body).getUint16(data.byteOffset - body.byteOffset - 2, true), data));
  const made = concat([message.subarray(0, HEADER + LINK_HEADER), ...others, ...instead]);
  viewOf(made).setUint32(0, made.length, true);
  return made;
}

function linkInfo(attributes: readonly Attribute[]): Attribute[] | undefined {
  const info = find(attributes, IFLA_LINKINFO);
  return info === undefined ? undefined : decodeAttributes(info.data);
}

function kindOf(info: readonly Attribute[]): string | undefined {
  const kind = find(info, IFLA_INFO_KIND);
  return kind === undefined ? undefined : readText(kind);
}

function find(attributes: readonly Attribute[], wanted: number): Attribute | undefined {
  return attributes.find(({ type }) => type === wanted);
}
