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
import { type IpFamily, familyOf, formatIp, ipBytes } from "../../values/ip.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { AF_UNSPEC, RouteMessage, addressFamily, ipFamily } from "./constants.ts";

/** Addresses of devices: `struct ifaddrmsg` and IFA_* (linux/if_addr.h). */

const HEADER = 8;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;

/** ifa_flags (linux/if_addr.h). */
export const AddressFlag = {
  /** No duplicate address detection: EC2 assigns the address, and waiting costs a second. */
  NODAD: 0x02,
  /** Duplicate address detection found another holder. */
  DADFAILED: 0x08,
  TENTATIVE: 0x40,
  PERMANENT: 0x80,
  /** Do not add a route to the prefix. */
  NOPREFIXROUTE: 0x200,
} as const;

/** The flags that whoever added the address chose; the others are state that the kernel reports. */
const CHOSEN_FLAGS = AddressFlag.NODAD | AddressFlag.NOPREFIXROUTE;

export interface Address {
  readonly index: number;
  readonly address: string;
  readonly prefixLength: number;
  /** linux/rtnetlink.h rt_scope_t: 0 is global. */
  readonly scope: number;
  readonly flags: number;
  /** The other end of a point-to-point address. */
  readonly peer?: string;
  readonly broadcast?: string;
  readonly rest: readonly Attribute[];
}

/** An address to give to a device; the flags are those of AddressFlag. */
export type NewAddress = Omit<Address, "rest">;

export function decodeAddress(payload: Uint8Array): Address {
  if (payload.length < HEADER) throw new NetlinkFormatError(`An address of ${payload.length} bytes`);
  const view = viewOf(payload);
  const fields = new Fields(decodeAttributes(payload.subarray(HEADER)));
  const family = ipFamily(view.getUint8(0));
  if (family === undefined) throw new NetlinkFormatError(`An address of family ${view.getUint8(0)}`);
  const ip = (attr: Attribute) => formatIp(readBytes(attr, family === 4 ? 4 : 16));
  // On a point-to-point address IFA_ADDRESS is the peer and IFA_LOCAL is ours. IPv6 often omits IFA_LOCAL.
  const prefix = fields.take(IFA_ADDRESS, ip);
  const local = fields.take(IFA_LOCAL, ip) ?? prefix;
  if (local === undefined) throw new NetlinkFormatError("An address message without an address");
  const broadcast = fields.take(IFA_BROADCAST, ip);
  return {
    index: view.getUint32(4, true),
    address: local,
    prefixLength: view.getUint8(1),
    scope: view.getUint8(3),
    flags: fields.take(IFA_FLAGS, readU32) ?? view.getUint8(2),
    ...(prefix !== undefined && prefix !== local && { peer: prefix }),
    ...(broadcast !== undefined && { broadcast }),
    rest: fields.rest(),
  };
}

/** The addresses of one device, or of all devices (index 0). */
export function listAddresses(index: number, family?: IpFamily): Request {
  const bytes = new Uint8Array(HEADER);
  viewOf(bytes).setUint8(0, family === undefined ? AF_UNSPEC : addressFamily(family));
  viewOf(bytes).setUint32(4, index, true);
  return {
    type: RouteMessage.GETADDR,
    // The kernel sets NLM_F_DUMP_INTR when it dumps all devices, but not for a single one (devinet.c, addrconf.c).
    ...(index !== 0 && { unwatched: true }),
    payload: bytes,
    operation: `list addresses of device ${index}`,
  };
}

/** Adds the address, or updates the flags of an existing one. */
export function addAddress(address: NewAddress): Request {
  return {
    type: RouteMessage.NEWADDR,
    flags: MessageFlag.CREATE | MessageFlag.REPLACE,
    payload: encode(address),
    operation: `add address ${describe(address)}`,
  };
}

export function deleteAddress(address: NewAddress): Request {
  return {
    type: RouteMessage.DELADDR,
    payload: encode(address),
    operation: `delete address ${describe(address)}`,
  };
}

function encode(address: NewAddress): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = viewOf(bytes);
  view.setUint8(0, addressFamily(familyOf(address.address)));
  view.setUint8(1, address.prefixLength);
  view.setUint8(3, address.scope);
  view.setUint32(4, address.index, true);
  return concat([
    bytes,
    attribute(IFA_LOCAL, ipBytes(address.address)),
    attribute(IFA_ADDRESS, ipBytes(address.peer ?? address.address)),
    ...(address.broadcast === undefined ? [] : [attribute(IFA_BROADCAST, ipBytes(address.broadcast))]),
    u32Attribute(IFA_FLAGS, address.flags & CHOSEN_FLAGS),
  ]);
}

function describe({ address, prefixLength, index }: NewAddress): string {
  return `${address}/${prefixLength} on device ${index}`;
}

/** The scope of a listed address (rt_scope_t). Skips the rest: a node has a link-local address for each pod. */
export function scopeOf(payload: Uint8Array): number | undefined {
  return payload[3];
}

/** Whether the message is about IP at all. */
export function isIpAddress(payload: Uint8Array): boolean {
  return payload.length > 0 && ipFamily(viewOf(payload).getUint8(0)) !== undefined;
}
