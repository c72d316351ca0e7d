import { NetlinkFormatError, align4, viewOf } from "./attribute.ts";

/** Netlink messages: `struct nlmsghdr` (linux/netlink.h), 16 bytes in host byte order, then the payload. */

const HEADER = 16;

/** nlmsg_flags (linux/netlink.h). */
export const MessageFlag = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  DUMP_INTR: 0x10,
  /** On an acknowledgement: only the request's header is quoted in it. */
  CAPPED: 0x100,
  /** On an acknowledgement: extended ACK attributes follow. */
  ACK_TLVS: 0x200,
  /** On a NEW request. */
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  /** On a GET request: ROOT | MATCH. */
  DUMP: 0x300,
} as const;

/** nlmsg_type values below NLMSG_MIN_TYPE (linux/netlink.h). */
export const ControlType = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export function encodeMessage(message: Message): Uint8Array {
  const length = HEADER + message.payload.length;
  const out = new Uint8Array(align4(length));
  const view = viewOf(out);
  view.setUint32(0, length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags, true);
  view.setUint32(8, message.sequence, true);
  // nlmsg_pid stays 0: the kernel fills in the socket's port.
  out.set(message.payload, HEADER);
  return out;
}

/** The messages of one datagram. A length past its end, or too short for a header, is an error. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  const view = viewOf(bytes);
  for (let offset = 0; offset < bytes.length;) {
    if (bytes.length - offset < HEADER) {
      throw new NetlinkFormatError(`${bytes.length - offset} bytes after the last message`);
    }
    const length = view.getUint32(offset, true);
    if (length < HEADER || offset + length > bytes.length) {
      throw new NetlinkFormatError(`Message of length ${length} at ${offset} in ${bytes.length} bytes`);
    }
    messages.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      payload: bytes.subarray(offset + HEADER, offset + length),
    });
    offset += align4(length);
  }
  return messages;
}
