import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SysError } from "./errno.ts";
import { flock, probeLibc, recvfrom, send, setns, setsockopt, socket } from "./libc.ts";

describe("the C library", () => {
  it("can be had", () => {
    expect(() => probeLibc()).not.toThrow();
  });

  it.each<[name: string, call: () => unknown, message: string]>([
    ["an address family that does not exist", () => socket(4711, 3, 0), "socket: EAFNOSUPPORT"],
    ["no descriptor", () => setsockopt(-1, 1, 20, new Uint8Array(4)), "setsockopt: EBADF"],
    ["no descriptor", () => send(-1, new Uint8Array(1), 0), "send: EBADF"],
    [
      "no descriptor",
      () => recvfrom(-1, new Uint8Array(1), 0, new Uint8Array(12), new Uint8Array(4)),
      "recvfrom: EBADF",
    ],
    ["no descriptor", () => setns(-1, 0x40000000), "setns: EBADF"],
    ["no descriptor", () => flock(-1, 2), "flock: EBADF"],
  ])("%s is an error with errno (%#)", (_, call, message) => {
    expect(call).toThrow(message);
    expect(call).toThrow(SysError);
  });

  it("what is no namespace cannot be entered", () => {
    const fd = openSync("/dev/null", "r");
    try {
      expect(() => setns(fd, 0x40000000)).toThrow("setns: EINVAL");
    } finally {
      closeSync(fd);
    }
  });
});
