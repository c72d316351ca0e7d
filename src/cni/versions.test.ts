import { describe, expect, it } from "vitest";
import {
  isSupportedVersion,
  SUPPORTED_VERSIONS,
  VERB_SINCE,
  versionAtLeast,
  versionDocument,
} from "./versions.ts";

describe("versions", () => {
  it("are matched by exact text", () => {
    expect(SUPPORTED_VERSIONS.every(isSupportedVersion)).toBe(true);
    const others = [
      "",
      "0.1.0",
      "0.2.0",
      "1.0",
      "1",
      "v1.0.0",
      " 1.0.0",
      "1.0.0 ",
      "1.1.1",
      "1.2.0",
      "01.0.0",
    ];
    expect(others.filter(isSupportedVersion)).toEqual([]);
  });

  it("are ordered", () => {
    expect(versionAtLeast("0.4.0", "0.4.0")).toBe(true);
    expect(versionAtLeast("0.3.1", "0.4.0")).toBe(false);
    expect(versionAtLeast("0.3.1", "0.3.0")).toBe(true);
    expect(versionAtLeast("1.0.0", "0.4.0")).toBe(true);
    expect(versionAtLeast("1.0.0", "1.1.0")).toBe(false);
  });

  it("brought verbs", () => expect(VERB_SINCE).toEqual({ CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" }));

  it("answer VERSION", () => {
    expect(versionDocument()).toEqual({
      cniVersion: "1.1.0",
      supportedVersions: ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
    });
  });
});
