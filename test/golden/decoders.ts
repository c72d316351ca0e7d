import { decodeAcknowledgement, decodeDone } from "../../src/netlink/extack.ts";
import type { Message } from "../../src/netlink/message.ts";
import { decodeAddress } from "../../src/netlink/route/address.ts";
import { decodeLink } from "../../src/netlink/route/link.ts";
import { decodeNeighbour } from "../../src/netlink/route/neighbour.ts";
import { decodeNetnsId } from "../../src/netlink/route/nsid.ts";
import { decodeRoute } from "../../src/netlink/route/route.ts";
import { decodeRule } from "../../src/netlink/route/rule.ts";

/** By message type: every decoder there is. */
const decoders: Readonly<Record<number, (message: Message) => unknown>> = {
  2: decodeAcknowledgement,
  3: decodeDone,
  16: ({ payload }) => decodeLink(payload),
  20: ({ payload }) => decodeAddress(payload),
  24: ({ payload }) => decodeRoute(payload),
  28: ({ payload }) => decodeNeighbour(payload),
  32: ({ payload }) => decodeRule(payload),
  88: ({ payload }) => decodeNetnsId(payload),
};

/** The types of message that somebody here decodes. */
export const decodedTypes: readonly number[] = Object.keys(decoders).map(Number);

/** What the decoder for its type makes of a message. */
export function decode(message: Message): unknown {
  const decoder = decoders[message.type];
  if (decoder === undefined) throw new Error(`No decoder for messages of type ${message.type}`);
  return decoder(message);
}
