// What the kernel said once, damaged: whole messages of both kernels, and ways to spoil them.
import * as fc from "fast-check";
import { KERNELS, captureNames, golden } from "../golden/golden.ts";
import { decodedTypes } from "../golden/decoders.ts";
import type { Message } from "../../src/netlink/message.ts";

/** All that was captured, message by message. */
export const captured: readonly Message[] = KERNELS.flatMap((kernel) =>
  captureNames(kernel).flatMap((name) => golden(kernel, name)),
);

/** One way to spoil bytes; `at` and `of` are places, in parts of the whole. */
type Edit = (bytes: Buffer<ArrayBuffer>) => Buffer<ArrayBuffer>;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const byte = fc.integer({ min: 0, max: 255 });
/** Lengths and numbers at which something ends. */
const edge = fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 0x7fff, 0x8000, 0xfffc, 0xffff);

/** Attributes begin at multiples of four: most damage is done to their lengths and types. */
const aligned = (bytes: Buffer, at: number) => Math.floor((at * bytes.length) / 4) * 4;

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, byte).map(([at, value]): Edit => (bytes) => {
    if (bytes.length > 0) bytes.writeUInt8(value, Math.floor(at * bytes.length));
    return bytes;
  }),
  fc
    .tuple(place, fc.constantFrom(0, 2), fc.oneof(edge, fc.nat(0xffff)))
    .map(([at, field, value]): Edit => (bytes) => {
      const offset = aligned(bytes, at) + field;
      if (offset + 2 <= bytes.length) bytes.writeUInt16LE(value, offset);
      return bytes;
    }),
  // A length a little off.
  fc.tuple(place, fc.integer({ min: -5, max: 5 })).map(([at, more]): Edit => (bytes) => {
    const offset = aligned(bytes, at);
    if (offset + 2 > bytes.length) return bytes;
    bytes.writeUInt16LE((bytes.readUInt16LE(offset) + more) & 0xffff, offset);
    return bytes;
  }),
  place.map(
    (at): Edit =>
      (bytes) =>
        bytes.subarray(0, Math.floor(at * bytes.length)),
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 8 })).map(([at, more]): Edit => (bytes) => {
    const offset = Math.floor(at * bytes.length);
    return Buffer.concat([bytes.subarray(0, offset), more, bytes.subarray(offset)]);
  }),
  // What is there once more, or not at all.
  fc.tuple(place, place, fc.boolean()).map(([at, of, twice]): Edit => (bytes) => {
    const [start, end] = [aligned(bytes, Math.min(at, of)), aligned(bytes, Math.max(at, of))];
    return Buffer.concat([bytes.subarray(0, twice ? end : start), bytes.subarray(twice ? start : end)]);
  }),
);

/** Bytes with some damage, or none. */
export function damaged(original: fc.Arbitrary<Uint8Array>, most = 4): fc.Arbitrary<Uint8Array> {
  return fc.tuple(original, fc.array(edits, { maxLength: most })).map(([bytes, list]) => {
    let spoilt = Buffer.from(bytes);
    for (const edit of list) spoilt = edit(spoilt);
    return spoilt;
  });
}

/** A message of a type that is decoded here: the kernel's own with its payload damaged, or noise. */
export const messages: fc.Arbitrary<Message> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(...captured)
      .chain((message) => damaged(fc.constant(message.payload)).map((payload) => ({ ...message, payload }))),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom(...decodedTypes),
      flags: fc.constantFrom(0, 2, 0x10, 0x100, 0x200, 0x300),
      sequence: fc.constant(1),
      payload: fc.uint8Array({ maxLength: 96 }),
    }),
  },
);
