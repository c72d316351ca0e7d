import { describe, expect, it } from "vitest";
import { KERNELS, goldenPayloads } from "../../../test/golden/golden.ts";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError } from "../attribute.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import {
  AddressFlag,
  type NewAddress,
  addAddress,
  decodeAddress,
  deleteAddress,
  isIpAddress,
  listAddresses,
} from "./address.ts";

const v4: NewAddress = { index: 2, address: "10.0.0.9", prefixLength: 24, scope: 0, flags: 0 };
const v6: NewAddress = {
  index: 2,
  address: "2001:db8::9",
  prefixLength: 128,
  scope: 0,
  // The kernel's own account of an address is not sent back to it.
  flags: AddressFlag.NODAD | AddressFlag.PERMANENT | AddressFlag.TENTATIVE,
};
const REPLACE = MessageFlag.CREATE | MessageFlag.REPLACE;

describe("encoding", () => {
  it.each<[what: string, request: Request, type: number, flags: number, bytes: string]>([
    [
      "IPv4",
      addAddress(v4),
      20,
      REPLACE,
      `02 18 00 00 02000000   # struct ifaddrmsg: AF_INET, /24, flags, scope, ifindex
       0800 0200 0a000009     # IFA_LOCAL
       0800 0100 0a000009     # IFA_ADDRESS
       0800 0800 00000000     # IFA_FLAGS`,
    ],
    [
      "IPv6 without duplicate address detection",
      addAddress(v6),
      20,
      REPLACE,
      `0a 80 00 00 02000000
       1400 0200 20010db8000000000000000000000009
       1400 0100 20010db8000000000000000000000009
       0800 0800 02000000`,
    ],
    [
      "peer, broadcast, scope, no route to the prefix",
      addAddress({
        ...v4,
        peer: "10.1.0.2",
        broadcast: "10.0.0.255",
        scope: 253,
        flags: AddressFlag.NOPREFIXROUTE,
      }),
      20,
      REPLACE,
      `02 18 00 fd 02000000 0800 0200 0a000009 0800 0100 0a010002 0800 0400 0a0000ff 0800 0800 00020000`,
    ],
    [
      "delete",
      deleteAddress(v4),
      21,
      0,
      "02 18 00 00 02000000 0800 0200 0a000009 0800 0100 0a000009 0800 0800 00000000",
    ],
    ["list one device's", listAddresses(5), 22, 0, "00 00 00 00 05000000"],
    ["list one family's", listAddresses(0, 6), 22, 0, "0a 00 00 00 00000000"],
  ])("%s", (_, request, type, flags, bytes) => {
    expect([request.type, request.flags ?? 0, toHex(request.payload)]).toEqual([
      type,
      flags,
      toHex(hex(bytes)),
    ]);
  });

  it("says what it does", () => {
    expect(addAddress(v6).operation).toBe("add address 2001:db8::9/128 on device 2");
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  const addresses = goldenPayloads(kernel, "addresses of the pod").map((payload) => decodeAddress(payload));

  it.each<[address: string, expected: Omit<NewAddress, "address" | "index">]>([
    ["10.0.0.9", { prefixLength: 24, scope: 0, flags: 0x80, broadcast: "10.0.0.255" }],
    // The second one in a subnet is secondary (0x01); NOPREFIXROUTE only fits into IFA_FLAGS.
    ["10.0.0.10", { prefixLength: 24, scope: 0, flags: 0x281 }],
    ["10.1.0.1", { prefixLength: 32, scope: 253, flags: 0x80, peer: "10.1.0.2" }],
    ["2001:db8::9", { prefixLength: 128, scope: 0, flags: 0x82 }],
    ["2001:db8:1::1", { prefixLength: 128, scope: 0, flags: 0x82, peer: "2001:db8:1::2" }],
  ])("%s", (address, expected) => {
    const found = addresses.find((one) => one.address === address);
    expect(found).toEqual({ index: 2, address, ...expected, rest: found?.rest });
    // IFA_CACHEINFO is always there, and what was read is not.
    const kept = found?.rest.map(({ type }) => type) ?? [];
    expect(kept).toContain(6);
    expect(kept.filter((type) => [1, 2, 4, 8].includes(type))).toEqual([]);
  });

  it("lo's own", () => {
    expect(
      addresses.filter(({ index }) => index === 1).map(({ address, scope }) => [address, scope]),
    ).toEqual([
      ["127.0.0.1", 254],
      ["::1", 254],
    ]);
  });
});

describe("decoding what is odd", () => {
  it.each([
    ["nothing", ""],
    ["a header one byte short", "02180000 020000"],
    ["no address", "02180000 02000000"],
    ["a family that is not IP", "07180000 02000000 0800 0100 0a000009"],
    ["an IPv4 address of three bytes", "02180000 02000000 0700 0100 0a0000 00"],
    ["an IPv4 address of five", "02180000 02000000 0900 0100 0a00000900 000000"],
    ["an IPv4 address of sixteen", "02180000 02000000 1400 0100 0a000009 00000000 00000000 00000000"],
    ["an IPv6 address of four", "0a800000 02000000 0800 0100 0a000009"],
    ["flags of one byte", "02180000 02000000 0800 0100 0a000009 0500 0800 80 000000"],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeAddress(hex(bytes))).toThrow(NetlinkFormatError);
  });

  it("flags come from the header where there is no attribute", () => {
    expect(decodeAddress(hex("02188000 02000000 0800 0100 0a000009")).flags).toBe(0x80);
  });

  it.each([
    ["02180000", true],
    ["0a180000", true],
    ["07180000", false],
    ["", false],
  ])("%s: is it about IP? %s", (bytes, answer) => {
    expect(isIpAddress(hex(bytes))).toBe(answer);
  });
});
