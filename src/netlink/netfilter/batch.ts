import { concat, viewOf } from "../attribute.ts";
import { NetlinkError, NetlinkProtocolError } from "../error.ts";
import { decodeAcknowledgement } from "../extack.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../message.ts";
import type { Transport } from "../transport.ts";

/** Transactions of nfnetlink (linux/netfilter/nfnetlink.h): all messages between BEGIN and END take effect, or none. */

export const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNETLINK_V0 = 0;
const AF_UNSPEC = 0;

/** One message of a batch; its payload begins with `struct nfgenmsg`. */
export interface BatchMessage {
  readonly type: number;
  /** Beyond REQUEST and ACK. */
  readonly flags?: number;
  readonly payload: Uint8Array;
}

/** Datagrams to read before giving up: one answer for each message that is refused, one for the last. */
const ANSWER_DATAGRAMS = 64;

/** `struct nfgenmsg`; the resource id is in the network's byte order. */
export function nfgenmsg(family: number, resource = 0): Uint8Array {
  const bytes = Uint8Array.of(family, NFNETLINK_V0, 0, 0);
  viewOf(bytes).setUint16(2, resource, false);
  return bytes;
}

/** Carries out all of the messages, or throws NetlinkError for the first one that the kernel refused. */
export function commit(transport: Transport, operation: string, messages: readonly BatchMessage[]): void {
  exchange(transport, operation, messages, [batchMessage(NFNL_MSG_BATCH_END)]);
}

/** As commit, but nothing comes to be: without its END the kernel looks at a batch, answers, and drops it. */
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
  // END is never acknowledged before Linux 6.10, so the last message before it is.
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
      // What is said about BEGIN is about the whole: no subsystem of that kind, no permission, no commit.
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
