import { describe, expect, it } from "vitest";
import { decode } from "../../test/golden/decoders.ts";
import { KERNELS, captureNames, goldenBytes } from "../../test/golden/golden.ts";
import { NetlinkFormatError } from "./attribute.ts";
import { type Message, decodeMessages } from "./message.ts";

/** `decoded`, or `refused`; anything but NetlinkFormatError is thrown on, with where it came from. */
function outcome(what: string, bytes: Uint8Array, attempt: (bytes: Uint8Array) => unknown): string {
  // Nothing but the message itself in the buffer, so that reading past its end is a RangeError.
  const alone = Uint8Array.from(bytes);
  try {
    attempt(alone);
    return "decoded";
  } catch (error) {
    if (error instanceof NetlinkFormatError) return "refused";
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

const decodePayload = (original: Message) => (payload: Uint8Array) => decode({ ...original, payload });

/** A small generator with a seed (Numerical Recipes' constants): the same damage in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe.each(KERNELS)("messages of Linux %s", (kernel) => {
  const whole = captureNames(kernel).flatMap((name) =>
    goldenBytes(kernel, name).map((bytes, i) => ({ what: `${name}, message ${i}`, bytes })),
  );

  it("decode as they came", () => {
    expect(whole.length).toBeGreaterThan(40);
    const others = whole.filter(({ what, bytes }) => {
      const messages = decodeMessages(bytes);
      return (
        messages.length !== 1 ||
        messages.some((one) => outcome(what, one.payload, decodePayload(one)) !== "decoded")
      );
    });
    expect(others).toEqual([]);
  });

  it("cut anywhere are refused as messages", () => {
    const accepted: string[] = [];
    for (const { what, bytes } of whole) {
      for (let length = 1; length < bytes.length; length++) {
        const cut = `${what}, cut to ${length}`;
        if (outcome(cut, bytes.subarray(0, length), decodeMessages) !== "refused") accepted.push(cut);
      }
    }
    expect(accepted).toEqual([]);
  });

  it("with a payload cut anywhere decode, or are refused", () => {
    const seen = new Map<string, number>();
    for (const { what, bytes } of whole) {
      const [message] = decodeMessages(bytes);
      if (message === undefined) throw new Error(`${what} is empty`);
      for (let length = 0; length < message.payload.length; length++) {
        const cut = `${what}, cut to ${length}`;
        const said = outcome(cut, message.payload.subarray(0, length), decodePayload(message));
        seen.set(said, (seen.get(said) ?? 0) + 1);
      }
    }
    // Between two attributes a cut cannot be told; in all other places it is.
    expect(seen.get("refused")).toBeGreaterThan(5 * (seen.get("decoded") ?? 0));
  });

  it("with damaged bytes decode, or are refused", () => {
    const random = randomNumbers(4711);
    const seen = new Set<string>();
    for (const { what, bytes } of whole) {
      const [message] = decodeMessages(bytes);
      if (message === undefined) throw new Error(`${what} is empty`);
      for (let round = 0; round < 200; round++) {
        const damaged = Uint8Array.from(message.payload);
        for (let i = 0; i <= random(3); i++) damaged[random(damaged.length)] = random(256);
        const told = `${what}, damaged to ${Buffer.from(damaged).toString("hex")}`;
        seen.add(outcome(told, damaged, decodePayload(message)));
      }
    }
    expect([...seen].sort()).toEqual(["decoded", "refused"]);
  });
});
