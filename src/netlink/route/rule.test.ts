import { describe, expect, it } from "vitest";
import { KERNELS, goldenPayloads } from "../../../test/golden/golden.ts";
import { hex, toHex } from "../../../test/golden/hex.ts";
import { NetlinkFormatError } from "../attribute.ts";
import { MessageFlag } from "../message.ts";
import type { Request } from "../socket.ts";
import { addRule, decodeRule, deleteRule, describeRule, isForAll, listRules, mayLookUp } from "./rule.ts";

const probe = {
  family: 4,
  priority: 512,
  table: 107,
  to: { address: "10.0.0.9", length: 32 },
  inputDevice: "lo",
} as const;

describe("encoding", () => {
  it.each<[what: string, request: Request, type: number, flags: number, bytes: string]>([
    [
      "what this node sends to an address",
      addRule(probe),
      32,
      MessageFlag.CREATE | MessageFlag.EXCL,
      `02 20 00 00 00 00 00 01 00000000   # struct fib_rule_hdr: AF_INET, to /32, from, …, FR_ACT_TO_TBL
       0800 0600 00020000                 # FRA_PRIORITY 512
       0800 0f00 6b000000                 # FRA_TABLE 107
       0800 0100 0a000009                 # FRA_DST
       0700 0300 6c6f00 00                # FRA_IIFNAME lo`,
    ],
    [
      "from a network, IPv6",
      addRule({ family: 6, priority: 0, table: 300, from: { address: "2001:db8::", length: 64 } }),
      32,
      MessageFlag.CREATE | MessageFlag.EXCL,
      `0a 00 40 00 00 00 00 01 00000000 0800 0600 00000000 0800 0f00 2c010000
       1400 0200 20010db8000000000000000000000000`,
    ],
    [
      "delete",
      deleteRule({ family: 4, priority: 512, table: 107 }),
      33,
      0,
      "02 00 00 00 00 00 00 01 00000000 0800 0600 00020000 0800 0f00 6b000000",
    ],
    ["list both families", listRules(), 34, 0, "00 00 00 00 00 00 00 00 00000000"],
    ["list", listRules(6), 34, 0, "0a 00 00 00 00 00 00 00 00000000"],
  ])("%s", (_, request, type, flags, bytes) => {
    expect([request.type, request.flags ?? 0, toHex(request.payload)]).toEqual([
      type,
      flags,
      toHex(hex(bytes)),
    ]);
  });

  it("says what it does", () => {
    expect(describeRule(probe)).toBe("512: from all to 10.0.0.9/32 iif lo lookup 107");
    expect(describeRule({ ...probe, from: { address: "10.0.0.0", length: 8 } })).toContain("from 10.0.0.0/8");
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  const rules = (family: 4 | 6) =>
    goldenPayloads(kernel, `IPv${family} rules`).map((payload) => decodeRule(payload));

  it("IPv4", () => {
    expect(rules(4)).toMatchObject([
      { family: 4, priority: 0, table: 255, action: 1 },
      { priority: 512, table: 300, action: 1, from: { address: "10.0.0.9", length: 32 } },
      { priority: 513, table: 107, action: 1, to: { address: "10.0.0.0", length: 24 }, inputDevice: "lo" },
      { priority: 514, table: 300, action: 1 },
      // FR_ACT_PROHIBIT
      { priority: 515, table: 0, action: 8, from: { address: "10.3.0.0", length: 16 } },
      { priority: 32766, table: 254 },
      { priority: 32767, table: 253 },
    ]);
  });

  it("says nothing of what a rule does not ask for", () => {
    for (const key of ["from", "to", "inputDevice"]) {
      expect(rules(4)[0]).not.toHaveProperty(key);
      expect(rules(4)[3]).not.toHaveProperty(key);
    }
  });

  it.each([4, 6] as const)("IPv%d: a glance at the table sees what decoding sees", (family) => {
    const payloads = goldenPayloads(kernel, `IPv${family} rules`);
    const tables = [0, 107, 253, 254, 255, 300];
    for (const payload of payloads) {
      expect(tables.filter((table) => mayLookUp(payload, table))).toEqual([decodeRule(payload)?.table]);
    }
    expect(payloads.length).toBeGreaterThan(2);
  });

  it("keeps what it does not know: mark and mask", () => {
    const kept = rules(4)[3]?.rest.map(({ type, data }) => [type, toHex(data)]);
    expect(kept).toContainEqual([10, "80000000"]);
    expect(kept).toContainEqual([16, "80000000"]);
    expect(rules(4)[0]?.rest.map(({ type }) => type)).not.toContain(10);
  });

  it("tells the rule for all packets from those for some, by mark, address or device", () => {
    const forAll = (family: 4 | 6) =>
      rules(family).flatMap((rule) => (rule !== undefined && isForAll(rule) ? [rule.priority] : []));
    // The fourth has a mark, the fifth prohibits.
    expect(forAll(4)).toEqual([0, 32766, 32767]);
    expect(forAll(6)).toEqual(expect.arrayContaining([0, 32766]));
    expect(forAll(6)).not.toContain(512);
  });

  it("IPv6, everything at once", () => {
    expect(rules(6)[1]).toMatchObject({
      family: 6,
      priority: 512,
      table: 300,
      from: { address: "2001:db8::", length: 64 },
      to: { address: "2001:db8:2::9", length: 128 },
      inputDevice: "eth0",
    });
  });
});

describe("decoding what is odd", () => {
  const header = "02 20 00 00 fe 00 00 01 00000000";
  it.each([
    ["nothing", ""],
    ["a header one byte short", "02 20 00 00 fe 00 00 01 000000"],
    ["an address of three bytes", `${header} 0700 0100 0a0000 00`],
    ["an IPv4 address of sixteen", `${header} 1400 0200 fe800ec2000000000000000000000001`],
    ["a priority of two", `${header} 0600 0600 0002 0000`],
    ["a name with bytes after its NUL", `${header} 0800 0300 6c006f00`],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeRule(hex(bytes))).toThrow(NetlinkFormatError);
  });

  it("rules of other families are none of ours", () => {
    expect(decodeRule(hex("80 00 00 00 fe 00 00 01 00000000"))).toBeUndefined();
  });

  it.each([
    ["nothing", ""],
    ["no attribute", header],
    ["an attribute of no length", `${header} 0000 0100 0a000009`],
    ["one that is cut off", `${header} 0800 0f00`],
  ])("a glance at %s leaves it to decoding", (_, bytes) => {
    expect(mayLookUp(hex(bytes), 7)).toBe(true);
  });

  it("a priority of 0 is left out by the kernel; the table may stand in the header", () => {
    expect(decodeRule(hex(header))).toMatchObject({ priority: 0, table: 254 });
  });
});
