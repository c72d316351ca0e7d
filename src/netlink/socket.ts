import { decodeAcknowledgement, decodeDone } from "./extack.ts";
import { NetlinkError, NetlinkProtocolError } from "./error.ts";
import { ControlType, type Message, MessageFlag, decodeMessages, encodeMessage } from "./message.ts";
import { concat } from "./attribute.ts";
import { type Transport, openTransport } from "./transport.ts";

/** One request. The payload begins with the family's header, such as `struct ifinfomsg`. */
export interface Request {
  readonly type: number;
  /** In addition to REQUEST and ACK, which the socket sets. */
  readonly flags?: number;
  readonly payload: Uint8Array;
  /**
   * On a dump: the kernel resumes by position without NLM_F_DUMP_INTR (routes, rules, neighbours, addresses of one
   * device). A concurrent change can make it skip an object that was there all the time.
   */
  readonly unwatched?: true;
  /** What of a listed object stays the same as long as nobody changes it; all of it unless told. */
  readonly lasting?: (payload: Uint8Array) => Uint8Array;
  /** On a GET of one object: the kernel replies with the object or an error, so no ACK is needed. */
  readonly answered?: true;
  /** The request in words, for errors: `delete rule 512 from all to 10.0.0.9`. */
  readonly operation: string;
}

/** The outcome of one request of a batch: its replies, or why it was refused. */
export interface Outcome {
  readonly replies: readonly Message[];
  readonly error?: NetlinkError;
}

/** Attempts at a dump that keeps changing; each failure means that another writer was faster. */
const DUMP_ATTEMPTS = 8;

/**
 * Requests in one datagram. All their answers must fit into the socket's receive buffer (net.core.rmem_default, 208 KiB
 * unless changed): on Linux 6.18, 280 refusals overflowed it (ENOBUFS). A datagram of more than 208 KiB fails too
 * (EMSGSIZE).
 */
const BATCH_REQUESTS = 64;

/** Most datagrams in one answer. A dump of a million routes has about 2,500, of 32 KiB each. */
const ANSWER_DATAGRAMS = 10_000;

/** Sends requests to rtnetlink, one at a time or several in one datagram. */
export class NetlinkSocket implements Disposable {
  readonly #transport: Transport;
  #sequence = 0;

  /** By default, a socket in the thread's current namespace. */
  constructor(transport: Transport = openTransport()) {
    this.#transport = transport;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  /**
   * Sends the requests in one datagram (or a few, if there are many) and waits for the ACK of the last request in each.
   * The kernel handles them in order and does **not** stop at a refused one (netlink_rcv_skb), so each request has its
   * own outcome. The others are acknowledged only if they fail, which saves a system call each; so is the last if it is
   * a GET with a reply.
   */
  batch(requests: readonly Request[]): Outcome[] {
    const outcomes: Outcome[] = [];
    for (let start = 0; start < requests.length; start += BATCH_REQUESTS) {
      outcomes.push(...this.#exchange(requests.slice(start, start + BATCH_REQUESTS)));
    }
    return outcomes;
  }

  /** Sends one datagram of at least one request. */
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
        // A late answer to an earlier request that timed out.
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

  /** Yields the messages of each datagram of an answer until the caller stops. */
  *#answer(operation: string): Generator<Message[]> {
    for (let count = 0; count < ANSWER_DATAGRAMS; count++) yield this.#receive(operation);
  }

  /** The messages of the next datagram. Errors name the operation. */
  #receive(operation: string): Message[] {
    try {
      return decodeMessages(this.#transport.receive());
    } catch (error) {
      if (!(error instanceof NetlinkProtocolError)) throw error;
      throw new NetlinkProtocolError(`${operation}: ${error.message}`, { cause: error });
    }
  }

  /** Sends one request and returns its replies, if any. Throws NetlinkError if it is refused. */
  request(request: Request): readonly Message[] {
    const outcome = this.batch([request])[0];
    if (outcome?.error !== undefined) throw outcome.error;
    return outcome?.replies ?? [];
  }

  /**
   * All objects that the kernel lists for a GET request. Starts over if they changed during the dump. For `unwatched`
   * requests, a dump that spans datagrams is accepted only after two identical results in a row.
   */
  dump(request: Request): Message[] {
    let last: Uint8Array | undefined;
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const list = this.#dumpOnce(request);
      if (list === undefined) continue;
      if (request.unwatched !== true || !list.wentOn) return list.found;
      const bytes = concat(list.found.map(({ payload }) => request.lasting?.(payload) ?? payload));
      if (last !== undefined && Buffer.compare(last, bytes) === 0) return list.found;
      last = bytes;
    }
    throw new NetlinkProtocolError(`${request.operation}: changed during each of ${DUMP_ATTEMPTS} attempts`);
  }

  /**
   * `wentOn`: a list continued in a second datagram. A dump of all families may start a new datagram for each family
   * (rtnetlink.c, rtnl_dump_all, as of Linux 6.1), which does not count.
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
        // The header of every listed object begins with the address family.
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
