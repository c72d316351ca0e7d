import { describe, expect, it } from "vitest";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError, concat } from "../attribute.ts";
import { decodeVlan, encodeVlan } from "./vlan.ts";

describe("VLAN attributes", () => {
  it.each([
    [1, "0100"],
    [7, "0700"],
    [4094, "fe0f"],
  ])("id %d", (id, bytes) => {
    const encoded = concat(encodeVlan({ id }));
    expect(toHex(encoded)).toBe(toHex(hex(`0600 0100 ${bytes} 0000 0600 0500 8100 0000`)));
    expect(decodeVlan(encoded)).toEqual({ id, protocol: 0x8100, rest: [] });
  });

  it("the protocol is in network order, and 802.1Q when the kernel does not say", () => {
    expect(decodeVlan(hex("0600 0100 0700 0000 0600 0500 88a8 0000")).protocol).toBe(0x88a8);
    expect(decodeVlan(hex("0600 0100 0700 0000")).protocol).toBe(0x8100);
  });

  it("what is unknown is kept", () => {
    const { rest } = decodeVlan(hex("0600 0100 0700 0000 0700 ff00 010203 00"));
    expect(rest.map(({ type, data }) => [type, toHex(data)])).toEqual([[0xff, "010203"]]);
  });

  it.each([
    ["one byte of id", "0500 0100 07 000000"],
    ["four bytes of protocol", "0600 0100 0700 0000 0800 0500 81000000"],
    ["no id", "0600 0500 8100 0000"],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeVlan(hex(bytes))).toThrow(NetlinkFormatError);
  });
});
