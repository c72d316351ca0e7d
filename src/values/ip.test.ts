import { describe, expect, it } from "vitest";
import {
  canonicalIp,
  contains,
  familyOf,
  formatIp,
  formatPrefix,
  ipBytes,
  networkOf,
  parseIp,
  parsePrefix,
  widthOf,
} from "./ip.ts";

describe("addresses", () => {
  it.each([
    ["0.0.0.0", "0.0.0.0"],
    ["192.168.32.13", "192.168.32.13"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["FE80:EC2::1", "fe80:ec2::1"],
    ["2600:1f18:0000:0001:0000:0000:0000:0005", "2600:1f18:0:1::5"],
    // The longer run is shortened; of two equal ones the first; never a single group.
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:0:2:2:0:0:3", "1::2:2:0:0:3"],
    ["1:2:3:0:5:6:7:8", "1:2:3:0:5:6:7:8"],
    ["1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
    ["1:2:3:4:5:6:10.0.0.1", "1:2:3:4:5:6:a00:1"],
    // As inet_ntop writes them.
    ["::ffff:a00:1", "::ffff:10.0.0.1"],
    ["::10.0.0.1", "::10.0.0.1"],
    ["::1:0:0", "::1:0:0"],
  ])("%s is written %s", (text, canonical) => {
    expect(canonicalIp(text)).toBe(canonical);
    expect(canonicalIp(canonical)).toBe(canonical);
    expect(parseIp(canonical)).toEqual(parseIp(text));
  });

  it.each([
    "",
    " 10.0.0.1",
    "10.0.0.1 ",
    "10.0.0",
    "10.0.0.0.1",
    "10.0.0.256",
    "10.0.0.01",
    "10.0.0.-1",
    "10.0.0.1/24",
    "0x0a.0.0.1",
    "10.0.0.1e1",
    ":",
    ":::",
    "1:",
    ":1",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "1:2:3:4:5:6:7:8::1::2",
    "::1:2:3:4:5:6:7:8",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "10.0.0.1::",
    "1:10.0.0.1::2",
    "10.0.0.1:1::",
    "::10.0.0.1:1",
    "::10.0.0",
    "1:2:3:4:5:6:7:10.0.0.1",
  ])("%j is no address", (text) => {
    expect(parseIp(text)).toBeUndefined();
    expect(canonicalIp(text)).toBeUndefined();
    expect(() => ipBytes(text)).toThrow(`Cannot read address "${text}"`);
  });

  it("has bytes in network order", () => {
    expect([...ipBytes("10.1.2.3")]).toEqual([10, 1, 2, 3]);
    expect([...ipBytes("fe80:ec2::1")]).toEqual([0xfe, 0x80, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it("has 4 or 16 bytes", () => {
    expect(() => formatIp(new Uint8Array(5))).toThrow("4 or 16 bytes, not 5");
  });

  it("knows its family and width", () => {
    expect([familyOf("10.0.0.1"), familyOf("::")]).toEqual([4, 6]);
    expect([widthOf(4), widthOf(6)]).toEqual([32, 128]);
  });
});

describe("prefixes", () => {
  it.each([
    ["10.0.0.1/24", "10.0.0.1/24", "10.0.0.0"],
    ["10.0.0.1", "10.0.0.1/32", "10.0.0.1"],
    ["10.1.255.254/19", "10.1.255.254/19", "10.1.224.0"],
    ["10.0.0.1/0", "10.0.0.1/0", "0.0.0.0"],
    ["10.0.0.255/31", "10.0.0.255/31", "10.0.0.254"],
    ["FD00::1/64", "fd00::1/64", "fd00::"],
    ["fd00::ffff/121", "fd00::ffff/121", "fd00::ff80"],
    ["::1", "::1/128", "::1"],
  ])("%s is %s in %s", (text, prefix, network) => {
    const parsed = parsePrefix(text);
    if (parsed === undefined) throw new Error("not parsed");
    expect(formatPrefix(parsed)).toBe(prefix);
    expect(networkOf(parsed)).toBe(network);
  });

  it.each([
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "::/129",
    "/24",
    "x/24",
    "1.2.3.4/1e1",
  ])("%j is no prefix", (text) => expect(parsePrefix(text)).toBeUndefined());

  it.each([
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/31", "10.0.0.2", false],
    ["0.0.0.0/0", "1.2.3.4", true],
    ["0.0.0.0/0", "::", false],
    ["::/0", "0.0.0.0", false],
    ["fd00::/64", "fd00::1:0:0:0", true],
    ["fd00::/64", "fd00:0:0:1::", false],
    ["fd00::5/128", "fd00::5", true],
  ])("%s contains %s: %s", (network, address, expected) => {
    const prefix = parsePrefix(network);
    if (prefix === undefined) throw new Error("not parsed");
    expect(contains(prefix, address)).toBe(expected);
  });
});
