import { concat, viewOf } from "../attribute.ts";
import { NetlinkError, NetlinkProtocolError } from "../error.ts";
import { decodeAcknowledgement } from "../extack.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../message.ts";
import type { Transport } from "../transport.ts";

/** nfnetlink transactions (linux/netfilter/nfnetlink.h): either all messages between BEGIN and END take effect or none. */

export const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNETLINK_V0 = 0;
const AF_UNSPEC = 0;

/** One message of a batch; its payload begins with `struct nfgenmsg`. */
export interface BatchMessage {
  readonly type: number;
  /** In addition to REQUEST and ACK. */
  readonly flags?: number;
  readonly payload: Uint8Array;
}

/** Datagrams to read before giving up: one for each refused message and one for the last. */
const ANSWER_DATAGRAMS = 64;

/** `struct nfgenmsg`; the resource id is in network byte order. */
export function nfgenmsg(family: number, resource = 0): Uint8Array {
  const bytes = Uint8Array.of(family, NFNETLINK_V0, 0, 0);
  viewOf(bytes).setUint16(2, resource, false);
  return bytes;
}

/** Applies all messages, or none and throws NetlinkError for the first one that the kernel refused. */
export function commit(transport: Transport, operation: string, messages: readonly BatchMessage[]): void {
  exchange(transport, operation, messages, [batchMessage(NFNL_MSG_BATCH_END)]);
}

/** A dry run of commit: the kernel checks a batch without END, answers, and discards it. */
export function rehearse(transport: Transport, operation: string, messages: readonly BatchMessage[]): void {
  exchange(transport, operation, messages, []);
}

function batchMessage(type: number): BatchMessage {
  return { type, payload: nfgenmsg(AF_UNSPEC, NFNL_SUBSYS_NFTABLES) };
}

/** The sequence number of BEGIN. */
const BEGIN = 1;

function exchange(
  transport: Transport,
  operation: string,
  messages: readonly BatchMessage[],
  end: readonly BatchMessage[],
): void {
  // Before Linux 6.10 END is never acknowledged, so ask for the ACK of the message before it.
  const last = BEGIN + messages.length;
  const all = [batchMessage(NFNL_MSG_BATCH_BEGIN), ...messages, ...end];
  transport.send(
    concat(
      all.map(({ type, flags = 0, payload }, i) => {
        const sequence = BEGIN + i;
        const ack = sequence === last ? MessageFlag.ACK : 0;
        return encodeMessage({ type, flags: flags | MessageFlag.REQUEST | ack, sequence, payload });
      }),
    ),
  );
  let refusal: NetlinkError | undefined;
  for (let count = 0; count < ANSWER_DATAGRAMS; count++) {
    for (const message of receive(transport, operation)) {
      if (message.type !== ControlType.ERROR || message.sequence > last) continue;
      const { errno, ...extended } = decodeAcknowledgement(message);
      if (errno !== 0) refusal ??= new NetlinkError(operation, errno, extended, message.sequence);
      // An error for BEGIN is about the whole batch: unknown subsystem, no permission, or a failed commit.
      if (message.sequence !== last && message.sequence !== BEGIN) continue;
      if (refusal !== undefined) throw refusal;
      if (message.sequence === last) return;
    }
  }
  throw new NetlinkProtocolError(
    `${operation}: the kernel's answer has no end after ${ANSWER_DATAGRAMS} datagrams`,
  );
}

function receive(transport: Transport, operation: string) {
  try {
    return decodeMessages(transport.receive());
  } catch (error) {
    if (!(error instanceof NetlinkProtocolError)) throw error;
    throw new NetlinkProtocolError(`${operation}: ${error.message}`, { cause: error });
  }
}
