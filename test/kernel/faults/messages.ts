// rtnetlink messages on their way: which of them change something, and how to make the kernel refuse one.
import { decodeMessages } from "../../../src/netlink/message.ts";
import { RouteMessage } from "../../../src/netlink/route/constants.ts";

export interface SentMessage {
  /** `NEWLINK`, … */
  readonly type: string;
  /** Where its header begins in the datagram. */
  readonly offset: number;
  readonly length: number;
}

const HEADER = 16;
const names = new Map<number, string>(Object.entries(RouteMessage).map(([name, type]) => [type, name]));

/** `NEWLINK` for 16; the number for a type that we do not use. */
export function typeName(type: number): string {
  return names.get(type) ?? String(type);
}

/** The messages of one datagram to the kernel. */
export function messagesOf(datagram: Uint8Array): SentMessage[] {
  let offset = 0;
  return decodeMessages(datagram).map(({ type, payload }) => {
    const message = { type: typeName(type), offset, length: HEADER + payload.length };
    offset += (message.length + 3) & ~3;
    return message;
  });
}

export function isChange({ type }: Pick<SentMessage, "type">): boolean {
  return /^(NEW|DEL)/.test(type);
}

/** No family has prefixes this long. */
const TOO_LONG = 129;

/** No rtnetlink message has this type (RTM_MAX is below 130). */
const UNKNOWN_TYPE = 4711;

/**
 * The datagram with one message that the kernel must refuse, and for another reason than that something is not there,
 * which a delete takes for success.
 */
export function refusable(datagram: Uint8Array, { type, offset, length }: SentMessage): Uint8Array {
  const bytes = Buffer.from(datagram);
  const payload = offset + HEADER;
  switch (type) {
    case "NEWROUTE":
    case "DELROUTE":
    case "NEWRULE":
    case "DELRULE":
    case "NEWADDR":
      // A default of IPv6 has no destination whose length would be looked at: it is only not found.
      if (type === "DELROUTE" && bytes.readUInt8(payload + 1) === 0)
        bytes.writeUInt16LE(UNKNOWN_TYPE, offset + 4);
      // rtm_dst_len, dst_len, ifa_prefixlen.
      else bytes.writeUInt8(TOO_LONG, payload + 1);
      return bytes;
    case "NEWNEIGH":
    case "DELNEIGH":
      // ndm_ifindex.
      bytes.writeInt32LE(0, payload + 4);
      return bytes;
    // An address with another prefix is only not found.
    case "DELADDR":
    default: {
      // A device of a kind that does not exist; what only changes or deletes a device names none.
      const kind = bytes.subarray(payload, offset + length).indexOf("vlan\0");
      if (kind >= 0) bytes.write("vlaN", payload + kind, "latin1");
      else bytes.writeUInt16LE(UNKNOWN_TYPE, offset + 4);
      return bytes;
    }
  }
}
