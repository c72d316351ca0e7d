import { describe, expect, it } from "vitest";
import { KERNELS, golden } from "../../test/golden/golden.ts";
import { hex } from "../../test/golden/hex.ts";
import { NetlinkFormatError } from "./attribute.ts";
import { type Acknowledgement, decodeAcknowledgement, decodeDone } from "./extack.ts";
import { ControlType, type Message, MessageFlag } from "./message.ts";

const { CAPPED, ACK_TLVS } = MessageFlag;
const message = (flags: number, payload: string): Message => ({
  type: ControlType.ERROR,
  flags,
  sequence: 1,
  payload: hex(payload),
});

/** The header of a refused request: 22 bytes long, so padded by 2 where it is quoted whole. */
const request = "16000000 1000 0506 01000000 00000000";
const text = "0800 0100 6e6f6f 00";
const offset = "0800 0200 27000000";

describe("acknowledgements", () => {
  it.each<[what: string, given: Message, expected: Acknowledgement]>([
    ["success", message(CAPPED, `00000000 ${request}`), { errno: 0 }],
    ["an errno alone", message(CAPPED, `efffffff ${request}`), { errno: 17 }],
    [
      "text and offset",
      message(CAPPED | ACK_TLVS, `eaffffff ${request} ${text} ${offset}`),
      { errno: 22, text: "noo", offset: 0x27 },
    ],
    [
      "an offset alone",
      message(CAPPED | ACK_TLVS, `eaffffff ${request} ${offset}`),
      { errno: 22, offset: 0x27 },
    ],
    [
      "a warning with success",
      message(CAPPED | ACK_TLVS, `00000000 ${request} ${text}`),
      { errno: 0, text: "noo" },
    ],
    [
      "not capped: behind the quoted request and its padding",
      message(ACK_TLVS, `efffffff ${request} aabbccddeeff 0000 ${text}`),
      { errno: 17, text: "noo" },
    ],
    ["not capped, nothing more to say", message(0, `efffffff ${request} aabbccddeeff`), { errno: 17 }],
    // NLMSGERR_ATTR_POLICY and what comes after our time.
    [
      "other attributes",
      message(CAPPED | ACK_TLVS, `eaffffff ${request} 0400 0480 0400 3f00`),
      { errno: 22 },
    ],
    ["no flag, so no attributes", message(CAPPED, `eaffffff ${request} ${text}`), { errno: 22 }],
  ])("%s", (_, given, expected) => {
    expect(decodeAcknowledgement(given)).toStrictEqual(expected);
  });

  it.each<[what: string, given: Message]>([
    ["nothing", message(CAPPED, "")],
    ["no request", message(CAPPED, "efffffff")],
    ["a request one byte short", message(CAPPED, "efffffff 16000000 1000 0506 01000000 000000")],
    ["not capped, the quoted request cut off", message(0, `efffffff ${request} aabbccdd`)],
    ["a quoted request shorter than its header", message(0, "efffffff 04000000 1000 0506 01000000 00000000")],
    ["a quoted request of 4 GB", message(ACK_TLVS, "efffffff ffffffff 1000 0506 01000000 00000000")],
    ["text cut off", message(CAPPED | ACK_TLVS, `eaffffff ${request} 0900 0100 6e6f6f00`)],
    ["an offset of two bytes", message(CAPPED | ACK_TLVS, `eaffffff ${request} 0600 0200 2700 0000`)],
  ])("%s is an error", (_, given) => {
    expect(() => decodeAcknowledgement(given)).toThrow(NetlinkFormatError);
  });
});

describe("the end of a dump", () => {
  it.each<[what: string, given: Message, expected: Acknowledgement]>([
    ["well", message(0, "00000000"), { errno: 0 }],
    ["an errno", message(0, "eaffffff"), { errno: 22 }],
    ["text", message(ACK_TLVS, `eaffffff ${text}`), { errno: 22, text: "noo" }],
  ])("%s", (_, given, expected) => {
    expect(decodeDone(given)).toStrictEqual(expected);
  });

  it.each(["", "0000", "000000"])('"%s" is an error', (payload) => {
    expect(() => decodeDone(message(0, payload))).toThrow(NetlinkFormatError);
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  it.each<[name: string, flags: number, expected: Acknowledgement]>([
    ["success", CAPPED, { errno: 0 }],
    ["a VLAN id that is taken", CAPPED | ACK_TLVS, { errno: 17, text: "8021q: VLAN device already exists" }],
    ["a device that is not there", CAPPED, { errno: 19 }],
    // The third attribute, behind two headers (16 and 12 bytes) and two attributes of 8.
    [
      "an attribute of the wrong length",
      CAPPED | ACK_TLVS,
      { errno: 34, text: "Attribute failed policy validation", offset: 0x2c },
    ],
    ["the request quoted", ACK_TLVS, { errno: 17, text: "8021q: VLAN device already exists" }],
  ])("%s", (name, flags, expected) => {
    const [given] = golden(kernel, `acknowledgement: ${name}`);
    expect(given?.type).toBe(ControlType.ERROR);
    expect(given?.flags).toBe(flags);
    expect(given && decodeAcknowledgement(given)).toStrictEqual(expected);
  });

  it("a dump that it refused, in its end", () => {
    const [done] = golden(kernel, "acknowledgement: a dump refused");
    expect(done?.type).toBe(ControlType.DONE);
    expect(done && decodeDone(done)).toStrictEqual({
      errno: 22,
      text: "Invalid values in header for FIB dump request",
    });
  });
});
