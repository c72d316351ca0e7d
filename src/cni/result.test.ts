import { describe, expect, it } from "vitest";
import { NEW, OLD, parseResult } from "../../test/unit/results.ts";
import { stringifyJson } from "../text/json.ts";
import { convertResult, primaryInterface } from "./result.ts";
import { SUPPORTED_VERSIONS } from "./versions.ts";
import type { CniVersion } from "./versions.ts";

describe("convertResult", () => {
  it.each(SUPPORTED_VERSIONS)("leaves a result of its own version alone: %s", (version) => {
    const text = `{"zz":1.0,"cniVersion":"${version}","interfaces":[{"name":"eth0","mac":"101","mtu":1e3,"__proto__":{"x":null}}],"ips":[{"version":"4","address":"10.0.0.5/32","n":12345678901234567890}],"routes":null,"dns":{}}`;
    expect(stringifyJson(convertResult(parseResult(text, version), version))).toBe(text);
  });

  it("adds a cniVersion that was left out", () => {
    expect(convertResult(parseResult('{"dns":{}}', "1.0.0"), "1.0.0")).toEqual({
      dns: {},
      cniVersion: "1.0.0",
    });
    expect(convertResult(parseResult("{}", "0.4.0"), "1.1.0")).toEqual({ cniVersion: "1.1.0" });
  });

  it.each<[CniVersion, CniVersion]>([
    ["0.3.0", "0.4.0"],
    ["0.4.0", "0.3.1"],
    ["1.0.0", "1.1.0"],
  ])("changes nothing but cniVersion from %s to %s", (from, to) => {
    const before = {
      ...(from.startsWith("0") ? OLD : NEW),
      routes: [{ dst: "0.0.0.0/0" }],
      cniVersion: from,
    };
    const stripped = from.startsWith("0") ? before : { ...before, interfaces: [{ name: "eth0" }] };
    expect(convertResult(parseResult(JSON.stringify(stripped), from), to)).toEqual({
      ...stripped,
      cniVersion: to,
    });
  });

  it("goes from 0.4.0 to 1.0.0: no version in ips", () => {
    expect(convertResult(parseResult(JSON.stringify(OLD), "0.4.0"), "1.0.0")).toEqual({
      ...OLD,
      cniVersion: "1.0.0",
      ips: [
        { interface: 1, address: "10.0.0.5/32", gateway: "10.0.0.1" },
        { interface: 1, address: "fd00::5/128" },
      ],
      routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1", other: 1 }],
    });
  });

  it("goes from 1.1.0 to 0.4.0: a version in ips, and no field of 1.1.0", () => {
    expect(convertResult(parseResult(JSON.stringify(NEW), "1.1.0"), "0.4.0")).toEqual({
      cniVersion: "0.4.0",
      interfaces: [{ name: "eth0", mac: "m", sandbox: "/s", custom: 1 }],
      ips: [
        { version: "4", address: "10.0.0.5/32" },
        { version: "6", address: "fd00::5/128", interface: 0 },
      ],
      routes: [{ dst: "0.0.0.0/0", other: 6 }],
    });
  });

  it("goes from 1.1.0 to 1.0.0: no field of 1.1.0", () => {
    expect(convertResult(parseResult(JSON.stringify(NEW), "1.1.0"), "1.0.0")).toEqual({
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", mac: "m", sandbox: "/s", custom: 1 }],
      ips: NEW.ips,
      routes: [{ dst: "0.0.0.0/0", other: 6 }],
    });
  });
});

describe("primaryInterface", () => {
  it.each([
    ["the one in the sandbox", [{ name: "veth1" }, { name: "eth0", sandbox: "/s" }], 1],
    ["not the host's of the same name", [{ name: "eth0" }, { name: "eth0", sandbox: "/s" }], 1],
    [
      "not one with an empty sandbox",
      [
        { name: "eth0", sandbox: "" },
        { name: "eth0", sandbox: "/s" },
      ],
      1,
    ],
    [
      "the first of two",
      [
        { name: "eth0", sandbox: "/s" },
        { name: "eth0", sandbox: "/s" },
      ],
      0,
    ],
    ["nothing when there is none", [{ name: "eth0" }, { name: "eth1", sandbox: "/s" }], undefined],
    ["nothing of nothing", [], undefined],
  ])("is %s", (_what, interfaces, index) => {
    const found = primaryInterface(parseResult(JSON.stringify({ interfaces }), "1.0.0"), "eth0");
    expect(found?.index).toBe(index);
    expect(found?.interface.name).toBe(index === undefined ? undefined : "eth0");
  });
});
