import { describe, expect, it } from "vitest";
import { formatMac, macBytes } from "./mac.ts";

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
