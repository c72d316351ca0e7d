// Every decoder of src/netlink, fed with what no kernel would send: it decodes or says NetlinkFormatError, and what lies
// around the bytes it was given is none of its business.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Attribute,
  NetlinkFormatError,
  decodeAttributes,
  readBytes,
  readI32,
  readText,
  readU16,
  readU16Big,
  readU32,
  readU8,
} from "../../src/netlink/attribute.ts";
import { type Message, decodeMessages, encodeMessage } from "../../src/netlink/message.ts";
import { decode } from "../golden/decoders.ts";
import { damaged, messages } from "./bytes.ts";
import { Tally, patience, runs } from "./runs.ts";

/** What came of it, as text: the value with its bytes, or the refusal's words. */
function outcome(attempt: () => unknown): string {
  try {
    return `decoded ${JSON.stringify(attempt(), bytesAsHex)}`;
  } catch (error) {
    if (error instanceof NetlinkFormatError) return `refused ${error.message}`;
    throw error;
  }
}

function bytesAsHex(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
}

/** The same bytes in the middle of others. */
function surrounded(bytes: Uint8Array, by: number): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 64).fill(by);
  buffer.set(bytes, 32);
  return buffer.subarray(32, 32 + bytes.length);
}

/** Decodes the bytes alone in their buffer, where reading past the end throws, and in two surroundings. */
function sameEverywhere(bytes: Uint8Array, attempt: (bytes: Uint8Array) => unknown): string {
  const alone = outcome(() => attempt(Uint8Array.from(bytes)));
  for (const by of [0x00, 0xff]) expect(outcome(() => attempt(surrounded(bytes, by)))).toBe(alone);
  return alone;
}

/**
 * What a run of messages or attributes is split into, by the words of linux/netlink.h alone: each begins with its length,
 * header included, and the next one at a multiple of four. Undefined when it does not add up.
 */
function split(
  bytes: Uint8Array,
  header: number,
  lengthAt: (offset: number) => number,
): string[] | undefined {
  const parts: string[] = [];
  for (let offset = 0; offset < bytes.length; offset = Math.ceil(offset / 4) * 4) {
    const left = bytes.length - offset;
    const length = left < header ? 0 : lengthAt(offset);
    if (length < header || length > left) return undefined;
    parts.push(Buffer.from(bytes.subarray(offset + header, offset + length)).toString("hex"));
    offset += length;
  }
  return parts;
}

/** The parts that our decoder gives, in the same form. */
function partsOf(decoded: string, attempt: () => readonly Uint8Array[]): string[] | undefined {
  if (!decoded.startsWith("decoded")) return undefined;
  return attempt().map((part) => Buffer.from(part).toString("hex"));
}

describe("whatever the bytes are", patience, () => {
  it("each decoder decodes or refuses, by these bytes alone", () => {
    const tally = new Tally();
    const property = fc.property(messages, (message) => {
      const said = sameEverywhere(message.payload, (payload) => decode({ ...message, payload }));
      tally.count(`${message.type} ${said.slice(0, 7)}`);
    });
    fc.assert(property, runs(3000));
    // Both, for each decoder. The ends of dumps have nothing that could be refused but being too short.
    const both = [2, 16, 20, 24, 28, 32, 88].flatMap((type) => [`${type} decoded`, `${type} refused`]);
    expect(tally.rare(Object.fromEntries([...both, "3 decoded"].map((what) => [what, 0.003])))).toEqual([]);
  });

  it("a datagram is split into its messages, or refused", () => {
    const datagrams = fc
      .array(messages, { maxLength: 4 })
      .map((list) => Buffer.concat(list.map((message) => encodeMessage(message))));
    const tally = new Tally();
    const property = fc.property(fc.oneof(damaged(datagrams), fc.uint8Array()), (bytes) => {
      const said = sameEverywhere(bytes, decodeMessages);
      const found = partsOf(said, () => decodeMessages(bytes).map(({ payload }) => payload));
      const view = new DataView(Uint8Array.from(bytes).buffer);
      expect(found).toEqual(split(bytes, 16, (offset) => view.getUint32(offset, true)));
      tally.count(said.slice(0, 7));
    });
    fc.assert(property, runs(1500));
    expect(tally.rare({ decoded: 0.1, refused: 0.1 })).toEqual([]);
  });

  it("a run of attributes is split into its attributes, or refused", () => {
    const tally = new Tally();
    const property = fc.property(messages, fc.nat(4), ({ payload }, words) => {
      const bytes = payload.subarray(words * 4);
      const said = sameEverywhere(bytes, decodeAttributes);
      const found = partsOf(said, () => decodeAttributes(bytes).map(({ data }) => data));
      const view = new DataView(Uint8Array.from(bytes).buffer);
      expect(found).toEqual(split(bytes, 4, (offset) => view.getUint16(offset, true)));
      tally.count(said.slice(0, 7));
    });
    fc.assert(property, runs(1500));
    expect(tally.rare({ decoded: 0.05, refused: 0.05 })).toEqual([]);
  });

  it("what is read from an attribute is read from its own bytes", () => {
    const readers = [
      readU8,
      readU16,
      readU16Big,
      readU32,
      readI32,
      readText,
      (attr: Attribute) => readBytes(attr, 4, 16),
    ];
    const tally = new Tally();
    const property = fc.property(
      fc.uint8Array({ maxLength: 17 }),
      fc.nat(readers.length - 1),
      (bytes, which) => {
        const said = sameEverywhere(bytes, (data) => readers[which]?.({ type: 1, data }));
        tally.count(said.slice(0, 7));
      },
    );
    fc.assert(property, runs(500));
    expect(tally.rare({ decoded: 0.05, refused: 0.05 })).toEqual([]);
  });
});

it("a message that was encoded is decoded to the same", patience, () => {
  const property = fc.property(fc.array(messages, { maxLength: 4 }), (list) => {
    const decoded = decodeMessages(Buffer.concat(list.map((message) => encodeMessage(message))));
    const plain = ({ type, flags, sequence, payload }: Message) => ({
      type,
      flags,
      sequence,
      payload: Buffer.from(payload).toString("hex"),
    });
    expect(decoded.map(plain)).toEqual(list.map(plain));
  });
  fc.assert(property, runs(300, 0.2));
});
