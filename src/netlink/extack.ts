import { NetlinkFormatError, align4, decodeAttributes, readText, readU32, viewOf } from "./attribute.ts";
import { type Message, MessageFlag } from "./message.ts";

/** nlmsgerr_attrs (linux/netlink.h). */
const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

const REQUEST_HEADER = 16;

/** The content of an acknowledgement: errno (0 for success), and the kernel's message if it sent one. */
export interface Acknowledgement {
  readonly errno: number;
  readonly text?: string;
  /** Where in the request the kernel stopped parsing, in bytes from the start of its header. */
  readonly offset?: number;
}

/** `struct nlmsgerr` and the attributes that follow it (linux/netlink.h, NETLINK_EXT_ACK). */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  const { payload } = message;
  if (payload.length < 4 + REQUEST_HEADER) {
    throw new NetlinkFormatError(`Acknowledgement of ${payload.length} bytes`);
  }
  const capped = (message.flags & MessageFlag.CAPPED) !== 0;
  const quoted = capped ? REQUEST_HEADER : viewOf(payload).getUint32(4, true);
  if (quoted < REQUEST_HEADER || 4 + quoted > payload.length) {
    throw new NetlinkFormatError(`Acknowledgement of ${payload.length} bytes quotes ${quoted}`);
  }
  return { errno: errnoOf(payload), ...extended(message, 4 + align4(quoted)) };
}

/** NLMSG_DONE carries an errno of its own, since a dump may fail after its first datagram. */
export function decodeDone(message: Message): Acknowledgement {
  if (message.payload.length < 4) {
    throw new NetlinkFormatError(`End of a dump of ${message.payload.length} bytes`);
  }
  return { errno: errnoOf(message.payload), ...extended(message, 4) };
}

function errnoOf(payload: Uint8Array): number {
  // The kernel sends -errno. A unary minus would turn 0 into -0.
  return 0 - viewOf(payload).getInt32(0, true);
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
