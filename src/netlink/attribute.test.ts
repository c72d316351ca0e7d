import { describe, expect, it } from "vitest";
import { hex, toHex } from "../../test/golden/hex.ts";
import {
  type Attribute,
  NetlinkFormatError,
  align4,
  attribute,
  concat,
  decodeAttributes,
  nested,
  readBytes,
  readI32,
  readText,
  readU16,
  readU16Big,
  readU32,
  readU8,
  textAttribute,
  u16Attribute,
  u32Attribute,
  u8Attribute,
} from "./attribute.ts";

const attr = (bytes: string): Attribute => ({ type: 7, data: hex(bytes) });

describe("encoding", () => {
  it.each<[what: string, encoded: Uint8Array, bytes: string]>([
    ["no payload", attribute(1, new Uint8Array()), "0400 0100"],
    ["one byte, padded", u8Attribute(2, 0xab), "0500 0200 ab 000000"],
    ["two bytes, little-endian, padded", u16Attribute(0x102, 0x1234), "0600 0201 3412 0000"],
    ["four bytes, little-endian", u32Attribute(3, 0xfedcba98), "0800 0300 98badcfe"],
    ["four bytes, negative", u32Attribute(3, -1), "0800 0300 ffffffff"],
    ["text with its NUL, padded", textAttribute(3, "eth0"), "0900 0300 65746830 00 000000"],
    ["text that needs no padding", textAttribute(3, "lan"), "0800 0300 6c616e00"],
    ["empty text", textAttribute(3, ""), "0500 0300 00 000000"],
    ["text beyond ASCII", textAttribute(3, "é"), "0700 0300 c3a900 00"],
    // NLA_F_NESTED; the outer length counts the padding of what is inside.
    [
      "nested",
      nested(18, [textAttribute(1, "vlan"), u8Attribute(2, 1)]),
      "1800 1280 0900 0100 766c616e 00000000 0500 0200 01000000",
    ],
    ["nothing nested", nested(18, []), "0400 1280"],
  ])("%s", (_, encoded, bytes) => {
    expect(toHex(encoded)).toBe(toHex(hex(bytes)));
  });

  it("refuses what does not fit into the length's 16 bits", () => {
    expect(attribute(1, new Uint8Array(0xffff - 4))).toHaveLength(0x10000);
    expect(() => attribute(1, new Uint8Array(0xffff - 3))).toThrow(NetlinkFormatError);
  });

  it.each([
    [0, 0],
    [1, 4],
    [4, 4],
    [5, 8],
  ])("aligns %d to %d", (length, aligned) => {
    expect(align4(length)).toBe(aligned);
  });
});

describe("decoding a run", () => {
  it.each<[what: string, bytes: string, attributes: [type: number, data: string][]]>([
    ["nothing", "", []],
    ["two, the first padded", "0500 0200 ab000000 0400 0300", [[2, "ab"], [3, ""]]], // prettier-ignore
    ["the last one's padding left out", "0500 0200 ab", [[2, "ab"]]],
    ["flags are no part of the type", "0400 1280 0400 1240 0400 12c0", [[18, ""], [18, ""], [18, ""]]], // prettier-ignore
    ["the highest type", "0400 ff3f", [[0x3fff, ""]]],
  ])("%s", (_, bytes, attributes) => {
    const found = decodeAttributes(hex(bytes)).map(({ type, data }) => [type, toHex(data)]);
    expect(found).toEqual(attributes);
  });

  it.each([
    ["half a header", "0400"],
    ["three bytes behind an attribute", "0400 0100 040002"],
    ["a length of zero, which would never end", "0000 0100"],
    ["a length shorter than the header", "0300 0100"],
    ["a length one byte beyond the run", "0600 0100 ab"],
    ["the largest length", "ffff 0100 ab000000"],
    ["a good one, then one too long", "0500 0200 ab000000 0900 0300 ab000000"],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeAttributes(hex(bytes))).toThrow(NetlinkFormatError);
  });

  it("reads a part of a larger buffer, and not what lies around it", () => {
    const whole = concat([hex("ffffffff"), u32Attribute(3, 5), hex("0800 0400 01000000")]);
    expect(decodeAttributes(whole.subarray(4, 12)).map((found) => readU32(found))).toEqual([5]);
  });
});

describe("reading a payload", () => {
  it.each<[what: string, value: unknown, expected: unknown]>([
    ["u8", readU8(attr("ff")), 255],
    ["u16", readU16(attr("3412")), 0x1234],
    ["u16 in network order", readU16Big(attr("8100")), 0x8100],
    ["u32", readU32(attr("98badcfe")), 0xfedcba98],
    ["i32", readI32(attr("ffffffff")), -1],
    ["text", readText(attr("65746830 00")), "eth0"],
    ["text without its NUL", readText(attr("65746830")), "eth0"],
    ["empty text", readText(attr("00")), ""],
    ["no text", readText(attr("")), ""],
    ["bytes of one of the lengths", toHex(readBytes(attr("0a000001"), 4, 16)), "0a000001"],
  ])("%s", (_, value, expected) => {
    expect(value).toBe(expected);
  });

  const readers = { readU8: 1, readU16: 2, readU16Big: 2, readU32: 4, readI32: 4 } as const;
  const byName = { readU8, readU16, readU16Big, readU32, readI32 };
  it.each(Object.entries(readers))("%s wants exactly %d bytes", (name, length) => {
    const read = byName[name as keyof typeof byName];
    for (const wrong of [0, length - 1, length + 1, length + 4]) {
      expect(() => read({ type: 7, data: new Uint8Array(wrong) })).toThrow(NetlinkFormatError);
    }
  });

  it("text with bytes after its NUL is an error", () => {
    expect(() => readText(attr("6500 74"))).toThrow("Attribute 7 has bytes after its NUL");
    expect(() => readText(attr("0000"))).toThrow(NetlinkFormatError);
  });

  it("says which lengths would do", () => {
    expect(() => readBytes(attr("0a0000"), 4, 16)).toThrow("Attribute 7 has 3 bytes instead of 4 or 16");
  });
});
