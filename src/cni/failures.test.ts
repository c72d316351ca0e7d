import { describe, expect, it } from "vitest";
import { StateError, LockTimeoutError } from "../state/store.ts";
import { DatapathError, type DatapathFailure } from "../datapath/error.ts";
import { AnnotationError } from "../ipam/annotation.ts";
import { NetlinkFormatError } from "../netlink/attribute.ts";
import { NetlinkError, NetlinkProtocolError } from "../netlink/error.ts";
import { NamespaceError } from "../netns/namespace.ts";
import { AssetError } from "../sys/asset.ts";
import { Errno, SysError } from "../sys/errno.ts";
import { ForeignFileError } from "../sys/files.ts";
import { CniError } from "./errors.ts";
import { toCniError } from "./failures.ts";

describe("toCniError", () => {
  it.each<[DatapathFailure, number]>([
    ["trunk", 100],
    ["assignment", 101],
    ["held", 102],
    ["kernel", 103],
    ["namespace", 104],
    ["config", 7],
  ])("a datapath that fails for its %s is code %i", (failure, code) => {
    const error = new DatapathError(failure, "why");
    expect(toCniError(error)).toMatchObject({ code, message: "why", details: "", cause: error });
  });

  it.each<[string, Error, number]>([
    ["NamespaceError", new NamespaceError("/run/netns/x", true, "is gone"), 104],
    ["StateError", new StateError("x"), 105],
    ["ForeignFileError", new ForeignFileError("/x is a symbolic link; remove it"), 105],
    ["LockTimeoutError", new LockTimeoutError("x"), 11],
    ["NetlinkError", new NetlinkError("add route", Errno.EPERM), 103],
    ["NetlinkProtocolError", new NetlinkProtocolError("x"), 103],
    ["NetlinkFormatError", new NetlinkFormatError("x"), 103],
    ["SysError", new SysError("setns", Errno.EPERM), 103],
    ["AssetError", new AssetError("x"), 5],
    ["AnnotationError", new AnnotationError("vlanId", "x"), 101],
    ["an error of no boundary: a defect of ours", new TypeError("x is not a function"), 999],
  ])("%s keeps its message", (_name, error, code) => {
    expect(toCniError(error)).toMatchObject({ code, message: error.message });
  });

  it("gives an answer that is one already as it is", () => {
    const error = new CniError(3, "unknown");
    expect(toCniError(error)).toBe(error);
  });

  it("has an answer for what is no error at all", () => {
    expect(toCniError(undefined).code).toBe(999);
    expect(toCniError("text")).toMatchObject({ code: 999, message: expect.stringContaining("text") });
  });

  it("gives the kernel's own words in the details, wherever they come from", () => {
    const cause = new NetlinkError("add route default", Errno.ENETUNREACH, {
      text: "Nexthop has invalid gateway",
      offset: 44,
    });
    const details = "kernel: ENETUNREACH: Nexthop has invalid gateway\nat byte 44 of the request";
    expect(toCniError(cause).details).toBe(details);
    const datapath = new DatapathError("kernel", "add route default", {
      cause,
      details: ["not undone: x"],
    });
    expect(toCniError(datapath).details).toBe(`not undone: x\n${details}`);
  });

  it("gives what else is known of the records in the details", () => {
    expect(toCniError(new StateError("x", { details: ["a", "b"] })).details).toBe("a\nb");
  });
});
