import {
  type Attribute,
  NetlinkFormatError,
  attribute,
  concat,
  decodeAttributes,
  readBytes,
  u32Attribute,
  viewOf,
} from "../attribute.ts";
import { Fields } from "../fields.ts";
import { familyOf, formatIp, ipBytes } from "../../values/ip.ts";
import { formatMac, macBytes } from "../../values/mac.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { AF_UNSPEC, RouteMessage, addressFamily, ipFamily } from "./constants.ts";

/** Neighbour entries (ARP and IPv6): `struct ndmsg` and NDA_* (linux/neighbour.h). */

const HEADER = 12;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_IFINDEX = 8;

/** ndm_state (linux/neighbour.h): static; never resolved or aged. */
export const NUD_PERMANENT = 0x80;

/** ndm_state: the distinctions made here. */
export const NeighbourState = {
  INCOMPLETE: 0x01,
  /** States with a link-layer address: REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT. */
  VALID: 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80,
} as const;

/** ndm_flags: resolve as if there were traffic. */
const NTF_USE = 0x01;

export interface Neighbour {
  readonly address: string;
  readonly device: number;
  /** ndm_state (linux/neighbour.h). */
  readonly state: number;
  readonly mac?: string;
  readonly rest: readonly Attribute[];
}

/** A permanent neighbour. */
export interface NewNeighbour {
  readonly address: string;
  readonly device: number;
  readonly mac: string;
}

/** Undefined for bridge entries. */
export function decodeNeighbour(payload: Uint8Array): Neighbour | undefined {
  if (payload.length < HEADER) throw new NetlinkFormatError(`A neighbour of ${payload.length} bytes`);
  const view = viewOf(payload);
  const family = ipFamily(view.getUint8(0));
  if (family === undefined) return undefined;
  const fields = new Fields(decodeAttributes(payload.subarray(HEADER)));
  const mac = fields.take(NDA_LLADDR, (attr) => attr.data);
  const address = fields.take(NDA_DST, (attr) => formatIp(readBytes(attr, family === 4 ? 4 : 16)));
  if (address === undefined) return undefined;
  return {
    address,
    device: view.getInt32(4, true),
    state: view.getUint16(8, true),
    ...(mac?.length === 6 && { mac: formatMac(mac) }),
    rest: fields.rest(),
  };
}

/** The neighbours on one device. */
export function listNeighbours(device: number): Request {
  const bytes = new Uint8Array(HEADER);
  viewOf(bytes).setUint8(0, AF_UNSPEC);
  return {
    type: RouteMessage.GETNEIGH,
    unwatched: true,
    payload: concat([bytes, u32Attribute(NDA_IFINDEX, device)]),
    operation: `list neighbours on device ${device}`,
  };
}

export function replaceNeighbour(neighbour: NewNeighbour): Request {
  return {
    type: RouteMessage.NEWNEIGH,
    flags: MessageFlag.CREATE | MessageFlag.REPLACE,
    payload: encode(neighbour),
    operation: `add neighbour ${neighbour.address} (${neighbour.mac}) on device ${neighbour.device}`,
  };
}

export function deleteNeighbour(neighbour: NewNeighbour): Request {
  return {
    type: RouteMessage.DELNEIGH,
    payload: encode(neighbour),
    operation: `delete neighbour ${neighbour.address} on device ${neighbour.device}`,
  };
}

export type NeighbourKey = Pick<NewNeighbour, "address" | "device">;

/** Looks up one neighbour; the reply is one entry, or ENOENT (since Linux 5.0). */
export function getNeighbour(key: NeighbourKey): Request {
  return {
    type: RouteMessage.GETNEIGH,
    answered: true,
    payload: encodeKey(key, 0),
    operation: `look up neighbour ${key.address} on device ${key.device}`,
  };
}

/** Makes the kernel resolve the neighbour's link-layer address, by ARP or neighbour solicitation. */
export function askForNeighbour(key: NeighbourKey): Request {
  return {
    type: RouteMessage.NEWNEIGH,
    flags: MessageFlag.CREATE,
    payload: encodeKey(key, NTF_USE),
    operation: `resolve neighbour ${key.address} on device ${key.device}`,
  };
}

/** Deletes an entry in any state. */
export function forgetNeighbour(key: NeighbourKey): Request {
  return {
    type: RouteMessage.DELNEIGH,
    payload: encodeKey(key, 0),
    operation: `forget neighbour ${key.address} on device ${key.device}`,
  };
}

function encodeKey({ address, device }: NeighbourKey, flags: number): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = viewOf(bytes);
  view.setUint8(0, addressFamily(familyOf(address)));
  view.setInt32(4, device, true);
  view.setUint8(10, flags);
  return concat([bytes, attribute(NDA_DST, ipBytes(address))]);
}

function encode(neighbour: NewNeighbour): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = viewOf(bytes);
  view.setUint8(0, addressFamily(familyOf(neighbour.address)));
  view.setInt32(4, neighbour.device, true);
  view.setUint16(8, NUD_PERMANENT, true);
  return concat([
    bytes,
    attribute(NDA_DST, ipBytes(neighbour.address)),
    attribute(NDA_LLADDR, macBytes(neighbour.mac)),
  ]);
}
