// Between the plugin and the kernel: carries requests one by one, and lets some of them go wrong.
import { NetlinkProtocolError } from "../../src/netlink/error.ts";
import {
  ControlType,
  type Message,
  MessageFlag,
  decodeMessages,
  encodeMessage,
} from "../../src/netlink/message.ts";
import { RouteMessage } from "../../src/netlink/route/constants.ts";
import type { Transport } from "../../src/netlink/transport.ts";
import { Errno } from "../../src/sys/errno.ts";

/** What goes wrong with the n-th message, counted from 1 over the call. */
export interface Mishap {
  /** Only messages that change something, or any. */
  readonly of: "changes" | "all";
  readonly at: number;
  /** errno of a refusal; no answer though it was carried out; or an answer that is spoilt. */
  readonly how: number | "lost" | ((answer: Uint8Array) => Uint8Array);
}

export class Faults {
  /** Messages that changed something, or tried to. */
  changes = 0;
  openSockets = 0;
  readonly #refuses: (message: Message) => number | undefined;
  #mishaps: readonly Mishap[] = [];
  #counted = { changes: 0, all: 0 };

  /** `refuses`: errno of what this kernel would carry out, but another must not. */
  constructor(refuses: (message: Message) => number | undefined) {
    this.#refuses = refuses;
  }

  /** What goes wrong from now on, counted from here. */
  expect(mishaps: readonly Mishap[]): void {
    this.#mishaps = mishaps;
    this.#counted = { changes: 0, all: 0 };
  }

  around(real: Transport): Transport {
    this.openSockets += 1;
    const waiting: Uint8Array[] = [];
    return {
      send: (bytes) => {
        for (const message of decodeMessages(bytes)) waiting.push(...this.#serve(real, message));
      },
      receive: () => {
        const answer = waiting.shift();
        if (answer === undefined) throw new NetlinkProtocolError("the kernel did not answer within 10 s");
        return answer;
      },
      [Symbol.dispose]: () => {
        this.openSockets -= 1;
        real[Symbol.dispose]();
      },
    };
  }

  #serve(real: Transport, message: Message): Uint8Array[] {
    const isChange = message.type % 4 < 2 && message.type !== RouteMessage.GETNSID;
    this.#counted.all += 1;
    if (isChange) {
      this.changes += 1;
      this.#counted.changes += 1;
    }
    const how = this.#mishaps.find(
      ({ of, at }) => (of === "all" || isChange) && at === this.#counted[of],
    )?.how;
    // That a rule is there already is a lie while it is not.
    const isLie = how === Errno.EEXIST && message.type === RouteMessage.NEWRULE;
    if (typeof how === "number") return [refusal(message, isLie ? Errno.EBUSY : how)];
    const refused = this.#refuses(message);
    const answers = refused === undefined ? carry(real, message) : [refusal(message, refused)];
    if (how === "lost") return [];
    return how === undefined ? answers : answers.map((answer) => how(answer));
  }
}

/** Sends one message, and waits until the kernel is done with it. */
function carry(real: Transport, message: Message): Uint8Array[] {
  const isDump = message.type % 4 === 2 && (message.flags & MessageFlag.DUMP) === MessageFlag.DUMP;
  const wantsAck = isDump || (message.flags & MessageFlag.ACK) !== 0;
  real.send(encodeMessage({ ...message, flags: message.flags | (isDump ? 0 : MessageFlag.ACK) }));
  const answers: Uint8Array[] = [];
  for (;;) {
    const answer = real.receive();
    const end = decodeMessages(answer).find(
      ({ type }) => type === ControlType.ERROR || type === ControlType.DONE,
    );
    // Nobody asked for this acknowledgement of a success: it only told that nothing else comes.
    if (end?.type === ControlType.ERROR && !wantsAck && isSuccess(end)) return answers;
    answers.push(answer);
    if (end !== undefined) return answers;
  }
}

function isSuccess({ payload }: Message): boolean {
  return payload.subarray(0, 4).every((byte) => byte === 0);
}

function refusal({ sequence, type, flags }: Message, errno: number): Uint8Array {
  const payload = new Uint8Array(20);
  const view = new DataView(payload.buffer);
  view.setInt32(0, -errno, true);
  view.setUint32(4, 16, true);
  view.setUint16(8, type, true);
  view.setUint16(10, flags, true);
  return encodeMessage({ type: ControlType.ERROR, flags: MessageFlag.CAPPED, sequence, payload });
}
