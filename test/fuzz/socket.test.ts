// A conversation with a kernel that says anything: it ends, with a list, outcomes or an error of this folder's own.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Kernel } from "../../src/datapath/kernel.ts";
import { readAddresses, readPermanentNeighbours, readRoutes, readRules } from "../../src/datapath/read.ts";
import { NetlinkFormatError, u32Attribute } from "../../src/netlink/attribute.ts";
import { NetlinkError, NetlinkProtocolError } from "../../src/netlink/error.ts";
import { ControlType, decodeMessages, encodeMessage } from "../../src/netlink/message.ts";
import { getLink, listLinks } from "../../src/netlink/route/link.ts";
import { listAddresses } from "../../src/netlink/route/address.ts";
import { listRoutes } from "../../src/netlink/route/route.ts";
import { listRules } from "../../src/netlink/route/rule.ts";
import { NetlinkSocket, type Request } from "../../src/netlink/socket.ts";
import type { Transport } from "../../src/netlink/transport.ts";
import { captured, damaged } from "./bytes.ts";
import { Tally, patience, runs } from "./runs.ts";

/** A message of an answer; `sequence` counts from the first request of the datagram that it answers. */
interface Said {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

const flags = fc.constantFrom(0, 2, 0x10, 0x12, 0x100, 0x300, 0x302);
const sequence = fc.oneof(
  { weight: 8, arbitrary: fc.nat(2) },
  { weight: 1, arbitrary: fc.integer({ min: -3, max: 5 }) },
);

/** errno, the quoted header and, at times, words of the kernel. */
const acknowledgement = fc
  .tuple(
    fc.constantFrom(0, 0, 0, -1, -2, -17, -19, 5, -2147483648),
    fc.nat(2),
    fc.uint8Array({ maxLength: 12 }),
  )
  .map(([errno, extended, text]) =>
    Buffer.concat([
      Buffer.from(Int32Array.of(errno).buffer),
      Uint8Array.of(16, 0, 0, 0, ...new Uint8Array(12)),
      ...(extended === 0 ? [] : [u32Attribute(2, 36), Uint8Array.of(text.length + 4, 0, 1, 0), text]),
    ]),
  );

const said: fc.Arbitrary<Said> = fc.oneof(
  fc.record({
    type: fc.constantFrom(ControlType.ERROR, ControlType.DONE, ControlType.NOOP, ControlType.OVERRUN),
    flags,
    sequence,
    payload: fc.oneof(acknowledgement, damaged(acknowledgement, 2)),
  }),
  fc.record({
    type: fc.constant(ControlType.DONE),
    flags,
    sequence,
    payload: fc.constant(new Uint8Array(4)),
  }),
  fc
    .tuple(fc.constantFrom(...captured.map(({ type, payload }) => ({ type, payload }))), flags, sequence)
    .chain(([{ type, payload }, itsFlags, itsSequence]) =>
      damaged(fc.constant(payload), 2).map((spoilt) => ({
        type,
        flags: itsFlags,
        sequence: itsSequence,
        payload: spoilt,
      })),
    ),
);

/** The datagrams of one answer, before they have a number. */
const answers = fc.array(fc.array(said, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });

/** Damage to the whole datagram, rarely: most would be refused at once. */
const spoil = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }) },
);

const scripts = fc.record({
  answers: fc.array(fc.tuple(answers, spoil), { minLength: 1, maxLength: 3 }),
  /** What comes after all of it: nothing, or its last datagram for ever. */
  endless: fc.nat(19).map((n) => n === 0),
});
type Script = typeof scripts extends fc.Arbitrary<infer T> ? T : never;

/** More than this many for one question is not a conversation any more. */
const RECEIVES = 100_000;

class TalkativeKernel implements Transport {
  readonly #script: Script;
  #sends = 0;
  #waiting: Uint8Array[] = [];
  #last: Uint8Array | undefined;
  receives = 0;

  constructor(script: Script) {
    this.#script = script;
  }

  send(bytes: Uint8Array): void {
    const first = decodeMessages(bytes)[0]?.sequence ?? 0;
    const all = this.#script.answers;
    const [datagrams, noise] = all[this.#sends % all.length] ?? [[], undefined];
    this.#sends += 1;
    this.#waiting = datagrams.map((list) =>
      Buffer.concat(list.map((one) => encodeMessage({ ...one, sequence: (first + one.sequence) >>> 0 }))),
    );
    if (noise !== undefined) this.#waiting.push(noise);
    this.#last = this.#waiting.at(-1);
  }

  receive(): Uint8Array {
    this.receives += 1;
    if (this.receives > RECEIVES) throw new Error(`${RECEIVES} datagrams, and it still listens`);
    const next = this.#waiting.shift() ?? (this.#script.endless ? this.#last : undefined);
    if (next === undefined) throw new NetlinkProtocolError("the kernel did not answer within 10 s");
    return next;
  }

  [Symbol.dispose](): void {
    // Nothing is open.
  }
}

/** How it ended; what is thrown otherwise is a defect. */
function ending(action: () => unknown): string {
  try {
    action();
    return "answered";
  } catch (error) {
    if (error instanceof NetlinkError) return "refused by the kernel";
    if (error instanceof NetlinkFormatError) return "not understood";
    if (error instanceof NetlinkProtocolError) {
      return /did not answer/.test(error.message) ? "no answer" : "no conversation";
    }
    throw error;
  }
}

const three: readonly Request[] = [1, 2, 3].map((index) => getLink(index));
const lists: readonly Request[] = [listLinks(), listRoutes(4), listRules(6), listAddresses(5)];

describe("whatever the kernel says", patience, () => {
  it("a batch and a dump end, with outcomes or an error", () => {
    const tally = new Tally();
    const property = fc.property(scripts, fc.nat(3), (script, which) => {
      const batch = new NetlinkSocket(new TalkativeKernel(script));
      tally.count(`batch ${ending(() => expect(batch.batch(three)).toHaveLength(3))}`);
      const dump = new NetlinkSocket(new TalkativeKernel(script));
      tally.count(`dump ${ending(() => dump.dump(lists[which] ?? listLinks()))}`);
    });
    fc.assert(property, runs(400));
    const endings = ["answered", "refused by the kernel", "not understood", "no answer", "no conversation"];
    const seen = ["batch", "dump"].flatMap((what) => endings.map((how) => [`${what} ${how}`, 0.01]));
    // Each request of a batch has its own error.
    expect(tally.rare({ ...Object.fromEntries(seen), "batch refused by the kernel": 0 })).toEqual([]);
  });

  it("what is read for a datapath is read, or an error", () => {
    const tally = new Tally();
    const property = fc.property(scripts, (script) => {
      const readings: Readonly<Record<string, (kernel: Kernel) => unknown>> = {
        link: (kernel) => kernel.link("node", "eth1"),
        links: (kernel) => kernel.allLinks("node"),
        addresses: (kernel) => readAddresses(kernel, "node", 0),
        routes: (kernel) => readRoutes(kernel, "node", 4, 107),
        rules: (kernel) => readRules(kernel, "node", 6),
        neighbours: (kernel) => readPermanentNeighbours(kernel, "node", 5),
      };
      for (const [what, read] of Object.entries(readings)) {
        using kernel = new Kernel(undefined, () => new TalkativeKernel(script));
        tally.count(`${what} ${ending(() => read(kernel))}`);
      }
    });
    fc.assert(property, runs(200, 0.2));
    const seen = ["answered", "refused by the kernel", "not understood"].map((how) => [
      `links ${how}`,
      0.005,
    ]);
    expect(tally.rare({ ...Object.fromEntries(seen), "link answered": 0.005 })).toEqual([]);
  });
});
