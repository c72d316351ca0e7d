import { describe, expect, it } from "vitest";
import { canonicalMac, formatMac, isMulticastMac, isZeroMac, macBytes, macDefect } from "./mac.ts";

describe("canonicalMac", () => {
  it.each([
    ["02:78:59:8f:ee:b2", "02:78:59:8f:ee:b2"],
    ["02:78:59:8F:EE:B2", "02:78:59:8f:ee:b2"],
  ])("%s is written %s", (text, mac) => expect(canonicalMac(text)).toBe(mac));

  it.each([
    "",
    "02:78:59:8f:ee",
    "02:78:59:8f:ee:b2:00",
    "2:78:59:8f:ee:b2",
    "02-78-59-8f-ee-b2",
    "0278598feeb2",
    "02:78:59:8f:ee:bg",
    " 02:78:59:8f:ee:b2",
    "02:78:59:8f:ee:b2\n",
    "101",
  ])("%j is none", (text) => expect(canonicalMac(text)).toBeUndefined());
});

describe("macDefect", () => {
  it.each([
    ["02:78:59:8f:ee:b2", "none"],
    ["FE:FF:FF:FF:FF:FF", "none"],
    ["00:00:00:00:00:01", "none"],
    ["00:00:00:00:00:00", "is all zeros"],
    ["01:00:5e:00:00:01", "multicast"],
    ["33:33:00:00:00:01", "multicast"],
    ["ff:ff:ff:ff:ff:ff", "multicast"],
    ["eth0", "is not a MAC address"],
  ])("%s: %s", (text, defect) => {
    expect(macDefect(text) ?? "none").toContain(defect);
  });

  it("tells a group by the first byte's lowest bit", () => {
    expect([isMulticastMac("01:00:00:00:00:00"), isMulticastMac("02:01:01:01:01:01")]).toEqual([true, false]);
    expect([isZeroMac("00:00:00:00:00:00"), isZeroMac("00:00:00:00:00:01")]).toEqual([true, false]);
  });
});

describe("Ethernet addresses", () => {
  it("are written as ip does, whatever the case they came in", () => {
    expect(formatMac(Uint8Array.of(0x02, 0, 0x0a, 0xff, 0x10, 0x07))).toBe("02:00:0a:ff:10:07");
    expect(macBytes("02:00:0A:ff:10:07")).toEqual(Uint8Array.of(0x02, 0, 0x0a, 0xff, 0x10, 0x07));
  });

  it.each([
    "",
    "02:00:00:00:00",
    "02:00:00:00:00:00:00",
    "2:0:0:0:0:0",
    "02-00-00-00-00-00",
    "02:00:00:00:00:0g",
    "02:00:00:00:00:00\n",
    " 02:00:00:00:00:00",
  ])('"%s" is none', (text) => {
    expect(() => macBytes(text)).toThrow(TypeError);
  });
});
