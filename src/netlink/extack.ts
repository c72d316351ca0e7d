import { NetlinkFormatError, decodeAttributes, readText, readU32, viewOf } from "./attribute.ts";
import { type Message, MessageFlag } from "./message.ts";

/** nlmsgerr_attrs (linux/netlink.h). */
const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

const REQUEST_HEADER = 16;

/** What an acknowledgement says: errno 0 for success, and the kernel's own words where it has any. */
export interface Acknowledgement {
  readonly errno: number;
  readonly text?: string;
  /** Where in the request the kernel stopped reading, in bytes from its header. */
  readonly offset?: number;
}

/** `struct nlmsgerr` and the attributes behind it (linux/netlink.h, NETLINK_EXT_ACK). */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  const { payload } = message;
  if (payload.length < 4 + REQUEST_HEADER) {
    throw new NetlinkFormatError(`Acknowledgement of ${payload.length} bytes`);
  }
  const view = viewOf(payload);
  const quoted = (message.flags & MessageFlag.CAPPED) === 0 ? view.getUint32(4, true) : REQUEST_HEADER;
  return { errno: -view.getInt32(0, true), ...extended(message, 4 + quoted) };
}

/** The end of a dump: it carries an error of its own, since the dump may fail after its first datagram. */
export function decodeDone(message: Message): Acknowledgement {
  if (message.payload.length < 4) return { errno: 0 };
  return { errno: -viewOf(message.payload).getInt32(0, true), ...extended(message, 4) };
}

function extended(message: Message, start: number): { text?: string; offset?: number } {
  if ((message.flags & MessageFlag.ACK_TLVS) === 0) return {};
  if (start > message.payload.length) {
    throw new NetlinkFormatError(`Extended acknowledgement at ${start} in ${message.payload.length} bytes`);
  }
  const said: { text?: string; offset?: number } = {};
  for (const attr of decodeAttributes(message.payload.subarray(start))) {
    if (attr.type === NLMSGERR_ATTR_MSG) said.text = readText(attr);
    if (attr.type === NLMSGERR_ATTR_OFFS) said.offset = readU32(attr);
  }
  return said;
}
