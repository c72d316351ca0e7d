import { describe, expect, it } from "vitest";
import { attribute, concat } from "../netlink/attribute.ts";
import { ipBytes } from "../values/ip.ts";
import { ControlType, MessageFlag, decodeMessages, encodeMessage } from "../netlink/message.ts";
import { AddressFlag } from "../netlink/route/address.ts";
import { RouteMessage } from "../netlink/route/constants.ts";
import type { Transport } from "../netlink/transport.ts";
import { DatapathError } from "./error.ts";
import { Kernel } from "./kernel.ts";

function read(key: string): string | undefined {
  using kernel = new Kernel(undefined);
  return kernel.readSysctl("node", key);
}

describe("reading a sysctl", () => {
  it("gives nothing where there is none, and its value where there is", () => {
    expect(read("ipv4/conf/lo/no_such_parameter")).toBeUndefined();
    expect(read("ipv4/conf/lo/rp_filter")).toMatch(/^\d$/);
  });

  it("that cannot be read is a refusal of the kernel's, with the key", () => {
    const unreadable = () => read("ipv4/conf");
    expect(unreadable).toThrow(DatapathError);
    expect(unreadable).toThrow(/^read sysctl ipv4\/conf: EISDIR$/);
    expect(unreadable).toThrow(expect.objectContaining({ failure: "kernel" }));
  });
});

describe("waiting for duplicate address detection", () => {
  const ADDRESS = "2001:db8::20";

  /** A kernel that lists the address on device 5 with flags that may change from list to list. */
  function listing(flags: () => number): Transport {
    const waiting: Uint8Array[] = [];
    return {
      send(bytes) {
        const sequence = decodeMessages(bytes)[0]?.sequence ?? 0;
        const header = Uint8Array.of(10, 128, flags(), 0, 5, 0, 0, 0);
        const payload = concat([header, attribute(1, ipBytes(ADDRESS))]);
        const one = { flags: MessageFlag.MULTI, sequence };
        waiting.push(
          concat([
            encodeMessage({ ...one, type: RouteMessage.NEWADDR, payload }),
            encodeMessage({ ...one, type: ControlType.DONE, payload: new Uint8Array(4) }),
          ]),
        );
      },
      receive: () => waiting.shift() ?? new Uint8Array(),
      [Symbol.dispose]: () => undefined,
    };
  }

  function wait(flagsAt: (now: number) => number): number {
    let now = 0;
    const clock = { now: () => now, sleep: (milliseconds: number) => void (now += milliseconds) };
    using kernel = new Kernel(undefined, () => listing(() => flagsAt(now)), clock);
    kernel.waitForDad("node", 5, ADDRESS);
    return now;
  }

  it("ends when the address is no longer tentative", () => {
    expect(wait((now) => (now < 1200 ? AddressFlag.TENTATIVE : 0))).toBe(1200);
  });

  it("is given up after 10 s", () => {
    expect(() => wait(() => AddressFlag.TENTATIVE)).toThrow(
      new DatapathError("kernel", `address ${ADDRESS} is still tentative after 10 s`),
    );
  });

  it("says when another host has the address", () => {
    expect(() => wait(() => AddressFlag.TENTATIVE | AddressFlag.DADFAILED)).toThrow(
      new DatapathError("kernel", `address ${ADDRESS} is used by another host already (DAD failed)`),
    );
  });
});
