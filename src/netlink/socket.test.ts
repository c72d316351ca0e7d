import { describe, expect, it } from "vitest";
import { NetlinkFormatError, concat, textAttribute, u32Attribute } from "./attribute.ts";
import { NetlinkError, NetlinkProtocolError } from "./error.ts";
import { ControlType, type Message, MessageFlag, decodeMessages, encodeMessage } from "./message.ts";
import { NetlinkSocket, type Request } from "./socket.ts";
import type { Transport } from "./transport.ts";

/** The kernel, as far as a socket can tell: from the requests of one datagram to the datagrams that answer it. */
type Kernel = (requests: readonly Message[], round: number) => readonly Uint8Array[];

interface Fake extends Transport {
  readonly sent: readonly (readonly Message[])[];
  readonly closed: boolean;
}

function fakeTransport(kernel: Kernel): Fake {
  const sent: Message[][] = [];
  const waiting: Uint8Array[] = [];
  let closed = false;
  return {
    sent,
    get closed() {
      return closed;
    },
    send(bytes) {
      const requests = decodeMessages(Uint8Array.from(bytes));
      sent.push(requests);
      waiting.push(...kernel(requests, sent.length));
    },
    receive() {
      const datagram = waiting.shift();
      // What the real transport does when SO_RCVTIMEO has passed.
      if (datagram === undefined) throw new NetlinkProtocolError("The kernel did not answer within 10 s");
      return datagram;
    },
    [Symbol.dispose]() {
      closed = true;
    },
  };
}

/** A kernel that says the same for ever. */
function endlessTransport(answer: (to: Message) => Uint8Array): Transport {
  let said = new Uint8Array();
  return {
    send: (bytes) => void (said = Uint8Array.from(answer(only(decodeMessages(bytes))))),
    receive: () => said,
    [Symbol.dispose]: () => undefined,
  };
}

const request = (operation: string, type = 16): Request => ({
  type,
  flags: MessageFlag.CREATE,
  payload: Uint8Array.of(1, 2, 3, 4),
  operation,
});
const three = ["add a", "add b", "add c"].map((operation) => request(operation));

const i32 = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
const datagram = (...messages: Uint8Array[]) => concat(messages);

/** An acknowledgement as the kernel writes it; errno is positive here. */
function ack(to: Message, errno = 0, tlvs: Uint8Array[] = [], capped = true): Uint8Array {
  const quoted = encodeMessage(to);
  return encodeMessage({
    type: ControlType.ERROR,
    flags: (capped ? MessageFlag.CAPPED : 0) | (tlvs.length > 0 ? MessageFlag.ACK_TLVS : 0),
    sequence: to.sequence,
    payload: concat([i32(-errno), capped ? quoted.subarray(0, 16) : quoted, ...tlvs]),
  });
}

function object(to: Message, byte: number, flags: number = MessageFlag.MULTI, family = 2): Uint8Array {
  return encodeMessage({
    type: 16,
    flags,
    sequence: to.sequence,
    payload: Uint8Array.of(family, byte, 0, 0),
  });
}

function control(to: Message, type: number, payload: Uint8Array = i32(0), flags = 0): Uint8Array {
  return encodeMessage({ type, flags: MessageFlag.MULTI | flags, sequence: to.sequence, payload });
}

const done = (to: Message, errno = 0) => control(to, ControlType.DONE, i32(-errno));

function only(messages: readonly Message[]): Message {
  const [message] = messages;
  if (message === undefined) throw new Error("No request");
  return message;
}

/** The last one of a datagram: the one that is acknowledged in any case. */
const last = (messages: readonly Message[]): Message => only(messages.slice(-1));

const bytesOf = (messages: readonly Message[]) => messages.map(({ payload }) => payload[1]);

function socketOf(kernel: Kernel): { socket: NetlinkSocket; fake: Fake } {
  const fake = fakeTransport(kernel);
  return { socket: new NetlinkSocket(fake), fake };
}

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

describe("a batch", () => {
  it("is one datagram, and only its last message asks for an acknowledgement", () => {
    const { socket, fake } = socketOf((messages) => [ack(last(messages))]);
    expect(socket.batch(three)).toEqual([{ replies: [] }, { replies: [] }, { replies: [] }]);
    expect(fake.sent).toHaveLength(1);
    const asked = MessageFlag.REQUEST | MessageFlag.CREATE;
    expect(fake.sent[0]?.map(({ flags, sequence }) => [flags, sequence])).toEqual([
      [asked, 1],
      [asked, 2],
      [asked | MessageFlag.ACK, 3],
    ]);
  });

  it("asks for no acknowledgement when its last message is answered anyway", () => {
    const asked = { ...request("read b"), answered: true } as const;
    const { socket, fake } = socketOf((messages) => [object(last(messages), 7, 0)]);
    expect(socket.batch([asked, asked]).map(({ replies }) => bytesOf(replies))).toEqual([[], [7]]);
    expect(fake.sent[0]?.map(({ flags }) => flags & MessageFlag.ACK)).toEqual([0, 0]);
    const refusing = socketOf((messages) => [ack(last(messages), 19)]);
    expect(refusing.socket.batch([asked])[0]?.error?.code).toBe("ENODEV");
    // In the middle it is as any other.
    const mixed = socketOf((messages) => [ack(last(messages))]);
    mixed.socket.batch([asked, request("add c")]);
    expect(mixed.fake.sent[0]?.map(({ flags }) => flags & MessageFlag.ACK)).toEqual([0, MessageFlag.ACK]);
  });

  it("of nothing sends nothing", () => {
    const { socket, fake } = socketOf(() => []);
    expect(socket.batch([])).toEqual([]);
    expect(fake.sent).toEqual([]);
  });

  it("numbers go on from one to the next", () => {
    const { socket, fake } = socketOf((messages) => [ack(last(messages))]);
    socket.batch(three);
    socket.batch(three);
    expect(fake.sent.map((messages) => only(messages).sequence)).toEqual([1, 4]);
  });

  it.each([
    ["in datagrams of their own", (a: Uint8Array, b: Uint8Array) => [a, b]],
    ["in one datagram", (a: Uint8Array, b: Uint8Array) => [datagram(a, b)]],
  ])("an error in the middle is that request's alone; answers %s", (_, deliver) => {
    const { socket } = socketOf((messages) => deliver(ack(only(messages.slice(1)), 17), ack(last(messages))));
    const outcomes = socket.batch(three);
    expect(outcomes.map(({ error }) => error?.code)).toEqual([undefined, "EEXIST", undefined]);
    expect(outcomes[1]?.error).toMatchObject({ operation: "add b", errno: 17, sequence: 2 });
  });

  it("an error in the last one ends it", () => {
    const { socket } = socketOf((messages) => [ack(last(messages), 19)]);
    expect(socket.batch(three).map(({ error }) => error?.code)).toEqual([undefined, undefined, "ENODEV"]);
  });

  it("every one of them may fail", () => {
    const { socket } = socketOf((messages) => messages.map((message) => ack(message, 1)));
    expect(socket.batch(three).map(({ error }) => error?.message)).toEqual([
      "add a: EPERM",
      "add b: EPERM",
      "add c: EPERM",
    ]);
  });

  it("replies go to the request that they answer, in whatever order they come", () => {
    const { socket } = socketOf((messages) => {
      const [a, b, c] = messages;
      if (a === undefined || b === undefined || c === undefined) throw new Error("three are sent");
      return [datagram(object(b, 20), object(a, 10)), datagram(object(b, 21), object(c, 30)), ack(c)];
    });
    expect(socket.batch(three).map(({ replies }) => bytesOf(replies))).toEqual([[10], [20, 21], [30]]);
  });

  it("answers to earlier requests and NOOP are passed over", () => {
    const { socket } = socketOf((messages) => {
      const to = last(messages);
      const late = ack({ ...to, sequence: 0 }, 1);
      const ahead = ack({ ...to, sequence: to.sequence + 1 }, 1);
      return [late, datagram(ahead, control(to, ControlType.NOOP)), datagram(object(to, 1), ack(to))];
    });
    expect(socket.batch([request("add a")])).toMatchObject([{ replies: [{ sequence: 1 }] }]);
  });

  it("an answer that comes after its time is not taken for the next one's", () => {
    // The first request is given up on; its error arrives before the second one's acknowledgement.
    let late: Uint8Array | undefined;
    const { socket } = socketOf((messages, round) => {
      if (round === 1) {
        late = ack(only(messages), 17);
        return [];
      }
      return [late ?? new Uint8Array(), ack(only(messages))];
    });
    expect(() => socket.request(request("add a"))).toThrow(NetlinkProtocolError);
    expect(socket.request(request("add b"))).toEqual([]);
  });

  it("OVERRUN is an error: something was lost", () => {
    const { socket } = socketOf((messages) => [control(last(messages), ControlType.OVERRUN)]);
    expect(() => socket.batch(three)).toThrow(NetlinkProtocolError);
  });

  it("no answer is an error that says so", () => {
    const { socket } = socketOf((messages) => [object(last(messages), 1)]);
    expect(() => socket.batch(three)).toThrow("The kernel did not answer within 10 s");
  });

  it("of many is a few datagrams: the answers to too many would not fit into the socket's buffer", () => {
    const { socket, fake } = socketOf((messages) => messages.map((message) => ack(message, 3)));
    const outcomes = socket.batch(Array.from({ length: 150 }, (_, i) => request(`delete ${i}`)));
    expect(fake.sent.map(({ length }) => length)).toEqual([64, 64, 22]);
    expect(outcomes.map(({ error }) => error?.message)).toEqual(
      Array.from({ length: 150 }, (_, i) => `delete ${i}: ESRCH`),
    );
    expect(fake.sent.map((messages) => last(messages).flags & MessageFlag.ACK)).toEqual([4, 4, 4]);
  });

  it("an answer without an end is given up", () => {
    const transport = endlessTransport((to) => control(to, ControlType.NOOP));
    expect(() => new NetlinkSocket(transport).batch(three)).toThrow(
      new NetlinkProtocolError("add a: the kernel's answer has no end after 10000 datagrams"),
    );
  });

  it("a datagram that is no message is an error", () => {
    const { socket } = socketOf(() => [Uint8Array.of(1, 2, 3)]);
    expect(() => socket.batch(three)).toThrow(NetlinkFormatError);
  });
});

describe("one request", () => {
  it("answers with its replies", () => {
    const { socket } = socketOf((messages) => [object(only(messages), 7, 0), ack(only(messages))]);
    expect(bytesOf(socket.request(request("read a")))).toEqual([7]);
  });

  it.each([
    ["capped", true],
    ["not capped", false],
  ])("throws all that the kernel said, its answer %s", (_, capped) => {
    const tlvs = [textAttribute(1, "8021q: VLAN device already exists"), u32Attribute(2, 36)];
    const { socket } = socketOf((messages) => [ack(only(messages), 17, tlvs, capped)]);
    const error = caught(() => socket.request(request("create eth0")));
    expect(error).toBeInstanceOf(NetlinkError);
    expect(error).toMatchObject({
      message: "create eth0: EEXIST (8021q: VLAN device already exists)",
      operation: "create eth0",
      errno: 17,
      code: "EEXIST",
      extended: { text: "8021q: VLAN device already exists", offset: 36 },
      sequence: 1,
    });
  });

  it("a warning beside success is no error", () => {
    const { socket } = socketOf((messages) => [ack(only(messages), 0, [textAttribute(1, "deprecated")])]);
    expect(socket.request(request("add a"))).toEqual([]);
  });
});

describe("a dump", () => {
  it("is put together from datagrams of several messages", () => {
    const { socket, fake } = socketOf((messages) => {
      const to = only(messages);
      return [
        datagram(object(to, 1), object(to, 2)),
        datagram(object(to, 3)),
        datagram(object(to, 4), done(to)),
      ];
    });
    expect(bytesOf(socket.dump({ ...request("list"), flags: 0 }))).toEqual([1, 2, 3, 4]);
    expect(fake.sent[0]?.[0]?.flags).toBe(MessageFlag.REQUEST | MessageFlag.DUMP);
  });

  it("may be empty", () => {
    const { socket } = socketOf((messages) => [done(only(messages))]);
    expect(socket.dump(request("list"))).toEqual([]);
  });

  it("passes over what answers something else", () => {
    const { socket } = socketOf((messages) => {
      const to = only(messages);
      const other = { ...to, sequence: to.sequence + 100 };
      return [
        datagram(object(other, 9), object(to, 1)),
        done(other),
        datagram(control(to, ControlType.NOOP), done(to)),
      ];
    });
    expect(bytesOf(socket.dump(request("list")))).toEqual([1]);
  });

  it.each([
    ["a message", (to: Message) => [object(to, 9, MessageFlag.MULTI | MessageFlag.DUMP_INTR), done(to)]],
    [
      "its end",
      (to: Message) => [object(to, 9), control(to, ControlType.DONE, i32(0), MessageFlag.DUMP_INTR)],
    ],
  ])("that changed meanwhile, as %s says, is taken again from the start", (_, interrupted) => {
    const { socket, fake } = socketOf((messages, round) => {
      const to = only(messages);
      return round < 3 ? interrupted(to) : [object(to, round), done(to)];
    });
    expect(bytesOf(socket.dump(request("list")))).toEqual([3]);
    // Each attempt has a number of its own, so that nothing of an earlier one gets into it.
    expect(fake.sent.map((messages) => only(messages).sequence)).toEqual([1, 2, 3]);
  });

  it("that changes every time is given up", () => {
    const { socket, fake } = socketOf((messages) => [
      control(only(messages), ControlType.DONE, i32(0), MessageFlag.DUMP_INTR),
    ]);
    expect(() => socket.dump(request("list"))).toThrow("list: changed during each of 8 attempts");
    expect(fake.sent).toHaveLength(8);
  });

  describe("that the kernel does not watch", () => {
    const unwatched = { ...request("list"), unwatched: true } as const;
    const inTwo = (to: Message, ...bytes: number[]) => [
      object(to, bytes[0] ?? 0),
      datagram(...bytes.slice(1).map((byte) => object(to, byte)), done(to)),
    ];

    it("counts when it comes twice the same", () => {
      const { socket, fake } = socketOf((messages, round) =>
        inTwo(only(messages), ...(round === 1 ? [1, 3] : [1, 2, 3])),
      );
      expect(bytesOf(socket.dump(unwatched))).toEqual([1, 2, 3]);
      expect(fake.sent).toHaveLength(3);
    });

    it.each([
      ["one datagram, its end in it", (to: Message) => [datagram(object(to, 1), object(to, 2), done(to))]],
      [
        "one datagram, its end behind it",
        (to: Message) => [datagram(object(to, 1), object(to, 2)), done(to)],
      ],
    ])("is taken once when it fits into %s", (_, answer) => {
      const { socket, fake } = socketOf((messages) => answer(only(messages)));
      expect(bytesOf(socket.dump(unwatched))).toEqual([1, 2]);
      expect(fake.sent).toHaveLength(1);
    });

    it("is taken once when each family comes in a datagram of its own, and not when one of them goes on", () => {
      const of = (to: Message, family: number, byte: number) => object(to, byte, MessageFlag.MULTI, family);
      const parted = socketOf((messages) => {
        const to = only(messages);
        return [datagram(of(to, 2, 1), of(to, 2, 2)), of(to, 10, 3), done(to)];
      });
      expect(bytesOf(parted.socket.dump(unwatched))).toEqual([1, 2, 3]);
      expect(parted.fake.sent).toHaveLength(1);
      const goesOn = socketOf((messages) => {
        const to = only(messages);
        return [of(to, 2, 1), datagram(of(to, 10, 2), of(to, 10, 3)), of(to, 10, 4), done(to)];
      });
      expect(bytesOf(goesOn.socket.dump(unwatched))).toEqual([1, 2, 3, 4]);
      expect(goesOn.fake.sent).toHaveLength(2);
    });

    it("may be empty", () => {
      const { socket, fake } = socketOf((messages) => [done(only(messages))]);
      expect(socket.dump(unwatched)).toEqual([]);
      expect(fake.sent).toHaveLength(1);
    });

    it("is given up when it differs every time", () => {
      const { socket, fake } = socketOf((messages, round) => inTwo(only(messages), round, 0));
      expect(() => socket.dump(unwatched)).toThrow("changed during each of 8 attempts");
      expect(fake.sent).toHaveLength(8);
    });
  });

  it("that fails after its first datagram is an error, not a part of the list", () => {
    const { socket } = socketOf((messages) => [object(only(messages), 1), done(only(messages), 90)]);
    expect(caught(() => socket.dump(request("list")))).toMatchObject({ code: "EMSGSIZE", operation: "list" });
  });

  it("that the kernel refuses has its words", () => {
    const { socket } = socketOf((messages) => [
      ack(only(messages), 22, [textAttribute(1, "Invalid header")]),
    ]);
    const error = caught(() => socket.dump(request("list")));
    expect(error).toBeInstanceOf(NetlinkError);
    expect(error).toMatchObject({ message: "list: EINVAL (Invalid header)", sequence: 1 });
  });

  it("whose refusal comes in its end has them too", () => {
    const { socket } = socketOf((messages) => [
      control(
        only(messages),
        ControlType.DONE,
        concat([i32(-22), textAttribute(1, "no")]),
        MessageFlag.ACK_TLVS,
      ),
    ]);
    expect(() => socket.dump(request("list"))).toThrow("list: EINVAL (no)");
  });

  it("without an end is given up", () => {
    const transport = endlessTransport((to) => object(to, 1));
    expect(() => new NetlinkSocket(transport).dump(request("list"))).toThrow(
      new NetlinkProtocolError("list: the kernel's answer has no end after 10000 datagrams"),
    );
  });

  it("OVERRUN is an error", () => {
    const { socket } = socketOf((messages) => [object(only(messages), 1), control(only(messages), 4)]);
    expect(() => socket.dump(request("list"))).toThrow(NetlinkProtocolError);
  });

  it("that stops in the middle is an error", () => {
    const { socket } = socketOf((messages) => [object(only(messages), 1)]);
    expect(() => socket.dump(request("list"))).toThrow("did not answer");
  });
});

it("closes its transport", () => {
  const fake = fakeTransport(() => []);
  {
    using _socket = new NetlinkSocket(fake);
    expect(fake.closed).toBe(false);
  }
  expect(fake.closed).toBe(true);
});
