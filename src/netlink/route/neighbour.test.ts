import { describe, expect, it } from "vitest";
import { KERNELS, goldenPayloads } from "../../../test/golden/golden.ts";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError } from "../attribute.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import {
  askForNeighbour,
  decodeNeighbour,
  deleteNeighbour,
  forgetNeighbour,
  getNeighbour,
  listNeighbours,
  replaceNeighbour,
} from "./neighbour.ts";

const v4 = { address: "10.0.0.1", device: 2, mac: "02:00:00:00:00:01" };
const v6 = { address: "fe80:ec2::1", device: 2, mac: "02:00:00:00:00:02" };

describe("encoding", () => {
  it.each<[what: string, request: Request, type: number, flags: number, bytes: string]>([
    [
      "IPv4",
      replaceNeighbour(v4),
      28,
      MessageFlag.CREATE | MessageFlag.REPLACE,
      `02 000000 02000000 8000 00 00   # struct ndmsg: AF_INET, ifindex, NUD_PERMANENT, flags, type
       0800 0100 0a000001              # NDA_DST
       0a00 0200 020000000001 0000     # NDA_LLADDR`,
    ],
    [
      "IPv6",
      replaceNeighbour(v6),
      28,
      MessageFlag.CREATE | MessageFlag.REPLACE,
      "0a 000000 02000000 8000 0000 1400 0100 fe800ec2000000000000000000000001 0a00 0200 020000000002 0000",
    ],
    [
      "delete",
      deleteNeighbour(v4),
      29,
      0,
      "02 000000 02000000 8000 0000 0800 0100 0a000001 0a00 0200 020000000001 0000",
    ],
    ["look up", getNeighbour(v4), 30, 0, "02 000000 02000000 0000 0000 0800 0100 0a000001"],
    [
      "resolve",
      askForNeighbour(v4),
      28,
      MessageFlag.CREATE,
      "02 000000 02000000 0000 01 00 0800 0100 0a000001",
    ],
    [
      "resolve, IPv6",
      askForNeighbour(v6),
      28,
      MessageFlag.CREATE,
      "0a 000000 02000000 0000 01 00 1400 0100 fe800ec2000000000000000000000001",
    ],
    ["forget", forgetNeighbour(v4), 29, 0, "02 000000 02000000 0000 0000 0800 0100 0a000001"],
    ["list", listNeighbours(2), 30, 0, "00 000000 00000000 0000 0000 0800 0800 02000000"],
  ])("%s", (_, request, type, flags, bytes) => {
    expect([request.type, request.flags ?? 0, toHex(request.payload)]).toEqual([
      type,
      flags,
      toHex(hex(bytes)),
    ]);
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  const neighbours = goldenPayloads(kernel, "neighbours of the pod").map((payload) =>
    decodeNeighbour(payload),
  );

  it.each([
    ["permanent", { address: "10.0.0.1", state: 0x80, mac: "02:00:00:00:00:01" }],
    ["permanent, IPv6", { address: "fe80:ec2::1", state: 0x80, mac: "02:00:00:00:00:02" }],
    ["reachable", { address: "10.0.0.3", state: 0x02, mac: "02:00:00:00:00:03" }],
    // No answer, so no MAC.
    ["failed", { address: "10.0.0.4", state: 0x20 }],
  ])("%s", (_, expected) => {
    const found = neighbours.find((one) => one?.address === expected.address);
    expect(found).toEqual({ device: 2, ...expected, rest: found?.rest });
    // NDA_CACHEINFO and NDA_PROBES, which nobody reads.
    expect(found?.rest.map(({ type }) => type).sort()).toEqual([3, 4]);
  });
});

describe("decoding what is odd", () => {
  it.each([
    ["nothing", ""],
    ["a header one byte short", "02000000 02000000 800000"],
    ["an IPv4 address of three bytes", "02000000 02000000 80000000 0700 0100 0a0000 00"],
    ["an IPv4 address of sixteen", "02000000 02000000 80000000 1400 0100 fe800ec2000000000000000000000001"],
    ["an IPv6 address of four", "0a000000 02000000 80000000 0800 0100 0a000001"],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeNeighbour(hex(bytes))).toThrow(NetlinkFormatError);
  });

  it.each([
    ["the entry of a bridge", "07000000 02000000 80000000 0a00 0200 020000000001 0000"],
    ["an entry without an address", "02000000 02000000 80000000 0a00 0200 020000000001 0000"],
  ])("%s is none of ours", (_, bytes) => {
    expect(decodeNeighbour(hex(bytes))).toBeUndefined();
  });

  it("a link layer address that is no MAC is left out", () => {
    const found = decodeNeighbour(hex("02000000 02000000 80000000 0800 0100 0a000001 0800 0200 0a000001"));
    expect(found).toEqual({ address: "10.0.0.1", device: 2, state: 0x80, rest: [] });
  });
});
