import { decodeAcknowledgement, decodeDone } from "./extack.ts";
import { NetlinkError, NetlinkProtocolError } from "./error.ts";
import { ControlType, type Message, MessageFlag, decodeMessages, encodeMessage } from "./message.ts";
import { concat } from "./attribute.ts";
import { type Transport, openTransport } from "./transport.ts";

/** One request: its payload begins with the family's own header, such as `struct ifinfomsg`. */
export interface Request {
  readonly type: number;
  /** Beyond REQUEST and ACK, which the socket sets. */
  readonly flags?: number;
  readonly payload: Uint8Array;
  /**
   * On a dump: the kernel goes on by position and does not say when objects came or went meanwhile (rules,
   * neighbours, addresses of one device), so that one which was there all the time may be left out.
   */
  readonly unwatched?: true;
  /** On a GET of one object: the kernel answers with the object or an error, so no acknowledgement is needed. */
  readonly answered?: true;
  /** For a person, in errors: `delete rule 512 from all to 10.0.0.9`. */
  readonly operation: string;
}

/** How one request of a batch ended: what it sent back, or why it was refused. */
export interface Outcome {
  readonly replies: readonly Message[];
  readonly error?: NetlinkError;
}

/** How often a dump that changed under us is taken again: each retry means another writer was faster. */
const DUMP_ATTEMPTS = 8;

/**
 * Requests in one datagram. The answers to all of them wait in the socket's buffer, of 208 KiB where nobody changed
 * net.core.rmem_default: seen on 6.18, 280 refusals were too many (ENOBUFS), and so is a datagram of more than 208 KiB
 * (EMSGSIZE).
 */
const BATCH_REQUESTS = 64;

/** Datagrams of one answer: a dump of a million routes has some 2500 (32 KiB each). More is no answer. */
const ANSWER_DATAGRAMS = 10_000;

/** Conversations with rtnetlink, one request at a time or several in one datagram. */
export class NetlinkSocket implements Disposable {
  readonly #transport: Transport;
  #sequence = 0;

  /** Without a transport: a socket in the namespace that the thread is in now. */
  constructor(transport: Transport = openTransport()) {
    this.#transport = transport;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  /**
   * Sends the requests in one datagram, or a few when they are many, and waits for the acknowledgement of each one's
   * last. The kernel works through them in order and does **not** stop at one that it refuses (netlink_rcv_skb), so each
   * has an outcome of its own. Those before the last are acknowledged only when they fail, which saves a system call for
   * each; so is the last when it is answered anyway.
   */
  batch(requests: readonly Request[]): Outcome[] {
    const outcomes: Outcome[] = [];
    for (let start = 0; start < requests.length; start += BATCH_REQUESTS) {
      outcomes.push(...this.#exchange(requests.slice(start, start + BATCH_REQUESTS)));
    }
    return outcomes;
  }

  /** At least one request, in one datagram. */
  #exchange(requests: readonly Request[]): Outcome[] {
    const first = this.#sequence + 1;
    this.#sequence += requests.length;
    this.#transport.send(
      concat(
        requests.map(({ type, flags = 0, payload, answered }, i) => {
          const ack = i === requests.length - 1 && answered !== true ? MessageFlag.ACK : 0;
          return encodeMessage({
            type,
            flags: flags | MessageFlag.REQUEST | ack,
            sequence: first + i,
            payload,
          });
        }),
      ),
    );
    const outcomes: { replies: Message[]; error?: NetlinkError }[] = requests.map(() => ({ replies: [] }));
    const operation = requests[0]?.operation ?? "";
    for (const messages of this.#answer(operation)) {
      for (const message of messages) {
        const index = message.sequence - first;
        const [request, outcome] = [requests[index], outcomes[index]];
        // An answer to an earlier request, given up on after a timeout.
        if (request === undefined || outcome === undefined) continue;
        if (message.type === ControlType.ERROR) {
          const { errno, ...extended } = decodeAcknowledgement(message);
          if (errno !== 0)
            outcome.error = new NetlinkError(request.operation, errno, extended, message.sequence);
          if (index === requests.length - 1) return outcomes;
        } else if (message.type === ControlType.OVERRUN) {
          throw new NetlinkProtocolError(`${request.operation}: the kernel's answer overran the socket`);
        } else if (message.type !== ControlType.NOOP) {
          outcome.replies.push(message);
          if (request.answered === true && index === requests.length - 1) return outcomes;
        }
      }
    }
    throw endless(operation);
  }

  /** The messages of each datagram of an answer, until the caller has heard enough. */
  *#answer(operation: string): Generator<Message[]> {
    for (let count = 0; count < ANSWER_DATAGRAMS; count++) yield this.#receive(operation);
  }

  /** The messages of the next datagram; when none comes, the error says what was asked for. */
  #receive(operation: string): Message[] {
    try {
      return decodeMessages(this.#transport.receive());
    } catch (error) {
      if (!(error instanceof NetlinkProtocolError)) throw error;
      throw new NetlinkProtocolError(`${operation}: ${error.message}`, { cause: error });
    }
  }

  /** One request; its replies, if it has any. Throws NetlinkError when it is refused. */
  request(request: Request): readonly Message[] {
    const outcome = this.batch([request])[0];
    if (outcome?.error !== undefined) throw outcome.error;
    return outcome?.replies ?? [];
  }

  /**
   * All objects that the kernel lists for a GET request, taken again from the start when they changed meanwhile. Where
   * the kernel would not say so, a list that went on in a second datagram counts once it has come twice the same.
   */
  dump(request: Request): Message[] {
    let last: Uint8Array | undefined;
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const list = this.#dumpOnce(request);
      if (list === undefined) continue;
      if (request.unwatched !== true || !list.wentOn) return list.found;
      const bytes = concat(list.found.map(({ payload }) => payload));
      if (last !== undefined && Buffer.compare(last, bytes) === 0) return list.found;
      last = bytes;
    }
    throw new NetlinkProtocolError(`${request.operation}: changed during each of ${DUMP_ATTEMPTS} attempts`);
  }

  /**
   * `wentOn`: a datagram took up a list where the one before it had left off. A list of all families may begin each
   * family with a datagram of its own (rtnetlink.c, rtnl_dump_all, as of Linux 6.1): that leaves off nowhere.
   */
  #dumpOnce(request: Request): { found: Message[]; wentOn: boolean } | undefined {
    const sequence = ++this.#sequence;
    const flags = (request.flags ?? 0) | MessageFlag.REQUEST | MessageFlag.DUMP;
    this.#transport.send(encodeMessage({ type: request.type, flags, sequence, payload: request.payload }));
    const found: Message[] = [];
    let interrupted = false;
    let wentOn = false;
    for (const messages of this.#answer(request.operation)) {
      const before = found.length;
      for (const message of messages) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & MessageFlag.DUMP_INTR) !== 0) interrupted = true;
        if (message.type === ControlType.OVERRUN) {
          throw new NetlinkProtocolError(`${request.operation}: the kernel's answer overran the socket`);
        }
        if (message.type === ControlType.DONE || message.type === ControlType.ERROR) {
          const end =
            message.type === ControlType.DONE ? decodeDone(message) : decodeAcknowledgement(message);
          if (end.errno !== 0) throw new NetlinkError(request.operation, end.errno, end, sequence);
          return interrupted ? undefined : { found, wentOn };
        }
        if (message.type === ControlType.NOOP) continue;
        // Every listed object's header begins with its family.
        const isFirst = found.length === before;
        if (isFirst && found.at(-1)?.payload[0] === message.payload[0]) wentOn = true;
        found.push(message);
      }
    }
    throw endless(request.operation);
  }
}

function endless(operation: string): NetlinkProtocolError {
  return new NetlinkProtocolError(
    `${operation}: the kernel's answer has no end after ${ANSWER_DATAGRAMS} datagrams`,
  );
}
