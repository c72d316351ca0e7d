import { describe, expect, it } from "vitest";
import { Errno, SysError } from "../../sys/errno.ts";
import { concat } from "../attribute.ts";
import { ControlType, MessageFlag, encodeMessage } from "../message.ts";
import { RouteMessage } from "./constants.ts";
import { LinkMonitor } from "./link-monitor.ts";

/** `struct ifinfomsg` (linux/rtnetlink.h) of a device; IFF_UP is 1, IFF_RUNNING 0x40. */
function link(index: number, flags: number, type: number = RouteMessage.NEWLINK, of = 0): Uint8Array {
  const payload = new Uint8Array(16);
  new DataView(payload.buffer).setInt32(4, index, true);
  new DataView(payload.buffer).setUint32(8, flags, true);
  return encodeMessage({ type, flags: of, sequence: 0, payload });
}

const [up, down, running] = [0x1, 0x0, 0x40];

/** A monitor that hears these datagrams, and then no more until the next list is put in. */
function monitorOf(...first: (Uint8Array | Error)[]) {
  const waiting = first;
  const monitor = new LinkMonitor({
    receive: () => {
      const next = waiting.shift();
      if (next instanceof Error) throw next;
      return next;
    },
    close: () => undefined,
  });
  return { monitor, waiting };
}

const cameUp = (monitor: LinkMonitor) => [...monitor.heard().cameUp];

describe("a device came up", () => {
  it("that went down, in one datagram, in two and between two looks", () => {
    const { monitor, waiting } = monitorOf(concat([link(3, down), link(3, up)]));
    expect(cameUp(monitor)).toEqual([3]);
    waiting.push(link(4, down), link(4, up | running));
    expect(cameUp(monitor)).toEqual([4]);
    waiting.push(link(5, down));
    expect(cameUp(monitor)).toEqual([]);
    waiting.push(link(5, up));
    expect(cameUp(monitor)).toEqual([5]);
    expect(cameUp(monitor)).toEqual([]);
  });

  it("is not said of one that was up all the time, or that is new", () => {
    const { monitor } = monitorOf(link(3, up), link(3, up | running), link(6, up));
    expect(cameUp(monitor)).toEqual([]);
  });

  it("is not said of another device that got the ifindex of one that went down", () => {
    const { monitor } = monitorOf(link(3, down), link(3, down, RouteMessage.DELLINK), link(3, up));
    expect(cameUp(monitor)).toEqual([]);
  });

  it("is not said for other messages", () => {
    const { monitor } = monitorOf(link(3, down), link(3, up, RouteMessage.NEWADDR));
    expect(cameUp(monitor)).toEqual([]);
  });
});

describe("a queue that was full", () => {
  it("is said, once, and what came after it is heard", () => {
    const lost = new SysError("recvfrom", Errno.ENOBUFS);
    const { monitor } = monitorOf(link(3, down), link(3, up), lost, link(4, down), link(4, up));
    expect(monitor.heard()).toEqual({ cameUp: new Set([3]), isIncomplete: true });
    expect(monitor.heard()).toEqual({ cameUp: new Set([4]), isIncomplete: false });
  });
});

describe("a list of devices that changed while it was made", () => {
  it.each([
    ["a device", link(4, up, RouteMessage.NEWLINK, MessageFlag.MULTI | MessageFlag.DUMP_INTR)],
    [
      "the end",
      encodeMessage({
        type: ControlType.DONE,
        flags: MessageFlag.MULTI | MessageFlag.DUMP_INTR,
        sequence: 1,
        payload: new Uint8Array(4),
      }),
    ],
  ])("may lack one that is down, as %s in it says", (_what, marked) => {
    const { monitor, waiting } = monitorOf(link(3, down), marked);
    waiting.push(link(3, up));
    expect(monitor.heard()).toEqual({ cameUp: new Set([3]), isIncomplete: true });
    expect(monitor.heard()).toEqual({ cameUp: new Set(), isIncomplete: false });
  });
});

it("other errors are the caller's", () => {
  const { monitor } = monitorOf(new SysError("recvfrom", Errno.EPERM));
  expect(() => monitor.heard()).toThrow("EPERM");
});

it("one look takes a bounded number of datagrams", () => {
  const { monitor, waiting } = monitorOf();
  for (let i = 0; i < 5000; i++) waiting.push(link(3, up));
  monitor.heard();
  expect(waiting.length).toBeGreaterThan(0);
});
