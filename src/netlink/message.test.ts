import { describe, expect, it } from "vitest";
import { hex, toHex } from "../../test/golden/hex.ts";
import { KERNELS, golden, goldenBytes } from "../../test/golden/golden.ts";
import { NetlinkFormatError } from "./attribute.ts";
import { ControlType, type Message, MessageFlag, decodeMessages, encodeMessage } from "./message.ts";

const message = (payload: string, fields: Partial<Message> = {}): Message => ({
  type: 0x1234,
  flags: MessageFlag.REQUEST | MessageFlag.ACK,
  sequence: 0x01020304,
  payload: hex(payload),
  ...fields,
});

describe("encoding", () => {
  it.each<[what: string, given: Message, bytes: string]>([
    [
      "every field in its place, port 0",
      message("aabbccdd"),
      `14000000  # length with the header
       3412      # type
       0500      # REQUEST, ACK
       04030201  # sequence
       00000000  # port: the kernel's to fill in
       aabbccdd`,
    ],
    ["no payload", message(""), "10000000 3412 0500 04030201 00000000"],
    [
      "padding is not counted",
      message("aa", { flags: MessageFlag.DUMP, sequence: 0xffffffff }),
      "11000000 3412 0003 ffffffff 00000000 aa000000",
    ],
  ])("%s", (_, given, bytes) => {
    expect(toHex(encodeMessage(given))).toBe(toHex(hex(bytes)));
  });
});

describe("decoding", () => {
  it("is what was encoded", () => {
    const given = [message("aabbccdd"), message("aa"), message("")];
    const datagram = new Uint8Array(Buffer.concat(given.map((one) => encodeMessage(one))));
    expect(decodeMessages(datagram)).toEqual(given);
  });

  it.each<[what: string, bytes: string, count: number]>([
    ["an empty datagram", "", 0],
    ["the last one's padding left out", "11000000 0300 0000 01000000 00000000 aa", 1],
  ])("%s", (_, bytes, count) => {
    expect(decodeMessages(hex(bytes))).toHaveLength(count);
  });

  it.each([
    ["less than a header", "10000000 0300 0000 01000000 000000"],
    ["a length of zero, which would never end", "00000000 0300 0000 01000000 00000000"],
    ["a length shorter than the header", "0f000000 0300 0000 01000000 00000000"],
    ["a length one byte beyond the datagram", "12000000 0300 0000 01000000 00000000 aa"],
    ["the largest length", "ffffffff 0300 0000 01000000 00000000 aabbccdd"],
    ["a good one, then four bytes", "10000000 0300 0000 01000000 00000000 00000000"],
  ])("%s is an error", (_, bytes) => {
    expect(() => decodeMessages(hex(bytes))).toThrow(NetlinkFormatError);
  });
});

describe.each(KERNELS)("what Linux %s sent", (kernel) => {
  it("the messages of a dump are many, and numbered as the request was", () => {
    const links = golden(kernel, "links of the node");
    expect(links.length).toBeGreaterThan(3);
    for (const { type, flags, sequence } of links) {
      expect({ type, multi: flags & MessageFlag.MULTI, sequence }).toEqual({
        type: 16,
        multi: MessageFlag.MULTI,
        sequence: 0x1111,
      });
    }
  });

  it("the end of a dump", () => {
    const [done] = golden(kernel, "end of a dump");
    expect(done).toMatchObject({ type: ControlType.DONE, flags: MessageFlag.MULTI, sequence: 0x1111 });
    expect(toHex(done?.payload ?? new Uint8Array())).toBe("00000000");
  });

  it("encoding what was decoded gives the same bytes, but for the port", () => {
    for (const bytes of goldenBytes(kernel, "IPv4 rules")) {
      const withoutPort = Uint8Array.from(bytes);
      withoutPort.fill(0, 12, 16);
      expect(decodeMessages(bytes).map((one) => toHex(encodeMessage(one)))).toEqual([toHex(withoutPort)]);
    }
  });
});
