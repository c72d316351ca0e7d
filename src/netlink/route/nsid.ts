import { NetlinkFormatError, concat, decodeAttributes, readI32, u32Attribute } from "../attribute.ts";
import { Fields } from "../fields.ts";
import type { Request } from "../socket.ts";
import { RouteMessage } from "./constants.ts";

/** nsids, the numbers a namespace has for others: `struct rtgenmsg` and NETNSA_* (linux/net_namespace.h). */

/** `struct rtgenmsg` is one byte, padded. */
const HEADER = 4;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;

/** Asks for the nsid that the sender's namespace has for the one behind the descriptor. */
export function getNetnsId(fd: number): Request {
  return {
    type: RouteMessage.GETNSID,
    answered: true,
    payload: concat([new Uint8Array(HEADER), u32Attribute(NETNSA_FD, fd)]),
    operation: "read a namespace's number",
  };
}

/** The nsid, or undefined if none is assigned. */
export function decodeNetnsId(payload: Uint8Array): number | undefined {
  if (payload.length < HEADER)
    throw new NetlinkFormatError(`A namespace's number of ${payload.length} bytes`);
  const id = new Fields(decodeAttributes(payload.subarray(HEADER))).take(NETNSA_NSID, readI32);
  return id === undefined || id < 0 ? undefined : id;
}
