import { fstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NamespaceError, openNamespace, openOwnNamespace } from "./namespace.ts";

// Nothing here enters a namespace: test/kernel/netns.test.ts does.

let base: string;
beforeAll(() => {
  base = mkdtempSync(`${tmpdir()}/branchline-netns-`);
  writeFileSync(`${base}/file`, "");
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

function refusal(path: string): NamespaceError {
  try {
    using opened = openNamespace(path);
    throw new Error(`${path} was opened as ${opened.identity}`);
  } catch (error) {
    if (error instanceof NamespaceError) return error;
    throw error;
  }
}

describe("opening a namespace", () => {
  it("has a descriptor, and an identity that is the same on each path", () => {
    using one = openNamespace("/proc/self/ns/net");
    using other = openOwnNamespace();
    expect(one.identity).toMatch(/^\d+:\d+$/);
    expect(other.identity).toBe(one.identity);
    expect(other.fd).not.toBe(one.fd);
  });

  it("of another kind has another identity; only entering tells that it is no network's", () => {
    using network = openOwnNamespace();
    using mounts = openNamespace("/proc/self/ns/mnt");
    expect(mounts.identity).not.toBe(network.identity);
  });

  it("is closed with it", () => {
    const namespace = openOwnNamespace();
    namespace[Symbol.dispose]();
    expect(() => fstatSync(namespace.fd)).toThrow(/EBADF/);
  });

  it.each([
    ["nothing at the path", () => `${base}/missing`, "is gone"],
    ["a file on the way to it", () => `${base}/file/below`, "is gone"],
    ["no such process", () => "/proc/4194305/ns/net", "is gone"],
    // What `ip netns del` leaves for a moment looks just like it.
    ["a regular file", () => `${base}/file`, "is gone: only the file it was mounted on is left"],
  ])("%s: it is gone", (_, path, words) => {
    const error = refusal(path());
    expect(error).toMatchObject({
      path: path(),
      gone: true,
      message: `network namespace "${path()}" ${words}`,
    });
  });

  it("an empty path is gone too, and the reason goes along", () => {
    const error = refusal("");
    expect(error.gone).toBe(true);
    expect(error.cause).toMatchObject({ code: "ENOENT" });
  });
});
