import { describe, expect, it } from "vitest";
import { KERNELS, golden } from "../../../test/golden/golden.ts";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError } from "../attribute.ts";
import { decodeNetnsId, getNetnsId } from "./nsid.ts";

describe("a namespace's number", () => {
  it("is asked for by descriptor", () => {
    const request = getNetnsId(0x15);
    // struct rtgenmsg: AF_UNSPEC, padding; NETNSA_FD.
    expect([request.type, toHex(request.payload)]).toEqual([90, toHex(hex("00 000000 0800 0300 15000000"))]);
  });

  it.each(KERNELS)("as Linux %s sent it", (kernel) => {
    const [has, hasNone] = ["number of the node's namespace", "number of a namespace that has none"].map(
      (name) => golden(kernel, name)[0],
    );
    expect(has?.type).toBe(88);
    expect(decodeNetnsId(has?.payload ?? new Uint8Array())).toBe(0);
    expect(decodeNetnsId(hasNone?.payload ?? new Uint8Array())).toBeUndefined();
  });

  it.each([
    ["0", "00000000 0800 0100 00000000", 0],
    ["a large one", "00000000 0800 0100 ffffff7f", 0x7fffffff],
    ["NETNSA_NSID_NOT_ASSIGNED", "00000000 0800 0100 ffffffff", undefined],
    ["no number at all", "00000000", undefined],
  ])("%s", (_, bytes, id) => {
    expect(decodeNetnsId(hex(bytes))).toBe(id);
  });

  it.each([
    ["nothing", ""],
    ["half a header", "0000"],
    ["a number of two bytes", "00000000 0600 0100 0000 0000"],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeNetnsId(hex(bytes))).toThrow(NetlinkFormatError);
  });
});
