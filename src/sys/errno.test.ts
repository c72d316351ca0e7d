import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Errno, SysError, errnoName, errorCode } from "./errno.ts";

describe("names of errno values", () => {
  it.each(Object.entries(Errno))("%s", (name, value) => {
    expect(errnoName(value)).toBe(name);
  });

  it.each([
    // Values with two names: the one that the kernel's documents use.
    [11, "EAGAIN"],
    [95, "EOPNOTSUPP"],
    [34, "ERANGE"],
    [0, "errno 0"],
    [4711, "errno 4711"],
    [-17, "errno -17"],
  ])("%d is %s", (value, name) => {
    expect(errnoName(value)).toBe(name);
  });
});

describe("errors", () => {
  it("of system calls say which and why", () => {
    const error = new SysError("setns", 22);
    expect([error.message, error.operation, error.errno]).toEqual(["setns: EINVAL", "setns", 22]);
  });

  it.each<[what: string, error: unknown, code: string | undefined]>([
    ["Node's own", caught(() => readFileSync(`${import.meta.dirname}/nonexistent`)), "ENOENT"],
    ["without a code", new Error("x"), undefined],
    ["with a code that is no text", Object.assign(new Error("x"), { code: 5 }), undefined],
    ["no error at all", { code: "ENOENT" }, undefined],
    ["nothing", undefined, undefined],
  ])("%s", (_, error, code) => {
    expect(errorCode(error)).toBe(code);
  });
});

function caught(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
