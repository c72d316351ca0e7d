import { describe, expect, it } from "vitest";
import { DatapathError } from "./error.ts";
import { Kernel } from "./kernel.ts";

function read(key: string): string | undefined {
  using kernel = new Kernel(undefined);
  return kernel.readSysctl("host", key);
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
