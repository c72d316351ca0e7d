import { describe, expect, it } from "vitest";
import { readSysctl, writeSysctl } from "./sysctl.ts";

describe("kernel parameters", () => {
  it("are read without the line feed", () => {
    expect(readSysctl("ipv4/conf/lo/rp_filter")).toMatch(/^[012]$/);
  });

  it.each(["ipv4/conf/no-such-device/rp_filter", "ipv4/no_such_parameter", "no/such/protocol"])(
    "%s is missing, which is no error",
    (key) => {
      expect(readSysctl(key)).toBeUndefined();
      expect(writeSysctl(key, "1")).toBe(false);
    },
  );

  it("other failures are errors", () => {
    expect(() => readSysctl("ipv4/conf")).toThrow(/EISDIR/);
    expect(() => writeSysctl("ipv4/conf", "1")).toThrow(/EISDIR/);
  });
});
