import { describe, expect, it } from "vitest";
import { isObject, parseJson, stringifyJson } from "../text/json.ts";
import { requirePrevResult } from "./prevresult.ts";
import { type BranchResult, withBranch, withRoutedBranch } from "./branch-result.ts";
import { type CniResult, convertResult, primaryInterface } from "./result.ts";
import { SUPPORTED_VERSIONS } from "./versions.ts";
import type { CniVersion } from "./versions.ts";

function parse(text: string, version: CniVersion): CniResult {
  const value = parseJson(`{"prevResult":${text}}`);
  if (!isObject(value)) throw new Error("no object");
  return requirePrevResult(value, version);
}

const OLD = {
  cniVersion: "0.4.0",
  interfaces: [
    { name: "eniabc", mac: "0a:58:00:00:00:01" },
    { name: "eth0", mac: "102", sandbox: "/var/run/netns/x", custom: true },
    { name: "dummyabc", mac: "0", sandbox: "2" },
  ],
  ips: [
    { version: "4", interface: 1, address: "10.0.0.5/32", gateway: "10.0.0.1" },
    { version: "6", interface: 1, address: "fd00::5/128" },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1", mtu: 1400, other: 1 }],
  dns: { nameservers: ["10.0.0.2"], search: [] },
  extension: { a: [1] },
};
const NEW = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "eth0", mac: "m", mtu: 1500, sandbox: "/s", socketPath: "/p", pciID: "0:0", custom: 1 },
  ],
  ips: [{ address: "10.0.0.5/32" }, { address: "fd00::5/128", interface: 0 }],
  routes: [{ dst: "0.0.0.0/0", mtu: 1, advmss: 2, priority: 3, table: 4, scope: 5, other: 6 }],
};

describe("convertResult", () => {
  it.each(SUPPORTED_VERSIONS)("leaves a result of its own version alone: %s", (version) => {
    const text = `{"zz":1.0,"cniVersion":"${version}","interfaces":[{"name":"eth0","mac":"101","mtu":1e3,"__proto__":{"x":null}}],"ips":[{"version":"4","address":"10.0.0.5/32","n":12345678901234567890}],"routes":null,"dns":{}}`;
    expect(stringifyJson(convertResult(parse(text, version), version))).toBe(text);
  });

  it("adds a cniVersion that was left out", () => {
    expect(convertResult(parse('{"dns":{}}', "1.0.0"), "1.0.0")).toEqual({ dns: {}, cniVersion: "1.0.0" });
    expect(convertResult(parse("{}", "0.4.0"), "1.1.0")).toEqual({ cniVersion: "1.1.0" });
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
    expect(convertResult(parse(JSON.stringify(stripped), from), to)).toEqual({ ...stripped, cniVersion: to });
  });

  it("goes from 0.4.0 to 1.0.0: no version in ips", () => {
    expect(convertResult(parse(JSON.stringify(OLD), "0.4.0"), "1.0.0")).toEqual({
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
    expect(convertResult(parse(JSON.stringify(NEW), "1.1.0"), "0.4.0")).toEqual({
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
    expect(convertResult(parse(JSON.stringify(NEW), "1.1.0"), "1.0.0")).toEqual({
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
    const found = primaryInterface(parse(JSON.stringify({ interfaces }), "1.0.0"), "eth0");
    expect(found?.index).toBe(index);
    expect(found?.interface.name).toBe(index === undefined ? undefined : "eth0");
  });
});

const prev = (version: CniVersion) =>
  parse(JSON.stringify({ ...OLD, cniVersion: version, routes: [] }), version);

describe("withBranch", () => {
  const BRANCH: BranchResult = {
    ifName: "eth0",
    hostName: "host0",
    mac: "02:78:59:8f:ee:b2",
    mtu: 9001,
    sandbox: "/var/run/netns/x",
    ips: [
      { address: "192.168.32.13/19", gateway: "192.168.32.1" },
      { address: "2600:1f18::5/128", gateway: "fe80:ec2::1" },
    ],
    routes: [
      { dst: "0.0.0.0/0", gw: "192.168.32.1" },
      { dst: "::/0", gw: "fe80:ec2::1" },
      { dst: "10.0.0.0/8" },
    ],
  };

  it.each(["0.3.0", "0.3.1", "0.4.0"] as const)("in %s", (version) => {
    expect(withBranch(prev(version), BRANCH, version)).toEqual({
      cniVersion: version,
      interfaces: [
        OLD.interfaces[0],
        { name: "host0", mac: "102", sandbox: "/var/run/netns/x", custom: true },
        OLD.interfaces[2],
        { name: "eth0", mac: "02:78:59:8f:ee:b2", sandbox: "/var/run/netns/x" },
      ],
      ips: [
        { version: "4", interface: 3, address: "192.168.32.13/19", gateway: "192.168.32.1" },
        { version: "6", interface: 3, address: "2600:1f18::5/128", gateway: "fe80:ec2::1" },
      ],
      routes: BRANCH.routes,
      dns: OLD.dns,
      extension: { a: [1] },
    });
  });

  it.each([
    ["1.0.0", {}],
    ["1.1.0", { mtu: 9001 }],
  ] as const)("in %s", (version, mtu) => {
    const result = withBranch(prev(version), BRANCH, version);
    expect(result["cniVersion"]).toBe(version);
    expect(result["interfaces"]).toEqual([
      OLD.interfaces[0],
      { ...OLD.interfaces[1], name: "host0" },
      OLD.interfaces[2],
      { name: "eth0", mac: "02:78:59:8f:ee:b2", ...mtu, sandbox: "/var/run/netns/x" },
    ]);
    expect(result["ips"]).toEqual([
      { interface: 3, address: "192.168.32.13/19", gateway: "192.168.32.1" },
      { interface: 3, address: "2600:1f18::5/128", gateway: "fe80:ec2::1" },
    ]);
  });

  it("converts what was there", () => {
    const result = withBranch(parse(JSON.stringify(NEW), "1.1.0"), BRANCH, "0.4.0");
    expect(result["interfaces"]).toEqual([
      { name: "host0", mac: "m", sandbox: "/s", custom: 1 },
      { name: "eth0", mac: BRANCH.mac, sandbox: BRANCH.sandbox },
    ]);
  });

  it("keeps every number, and leaves prevResult as it was", () => {
    const text =
      '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/s","n":1.0}],"x":12345678901234567890}';
    const before = parse(text, "1.0.0");
    const printed = stringifyJson(withBranch(before, BRANCH, "1.0.0"));
    expect(printed).toContain('"n":1.0');
    expect(printed).toContain('"x":12345678901234567890');
    expect(stringifyJson(before.raw)).toBe(text);
  });

  it("has no gateway where there is none", () => {
    const result = withBranch(prev("1.0.0"), { ...BRANCH, ips: [{ address: "10.0.0.9/24" }] }, "1.0.0");
    expect(result["ips"]).toEqual([{ interface: 3, address: "10.0.0.9/24" }]);
  });

  it.each([
    [{ interfaces: [{ name: "eth0" }] }, 'prevResult has no interface "eth0" in a sandbox'],
    [{}, 'prevResult has no interface "eth0" in a sandbox'],
    [
      { interfaces: [{ name: "eth0", sandbox: "/s" }, { name: "host0" }] },
      'hostInterfaceName "host0" is taken by prevResult.interfaces[1]',
    ],
  ])("refuses %j", (result, message) => {
    const run = () => withBranch(parse(JSON.stringify(result), "1.0.0"), BRANCH, "1.0.0");
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: 7 }));
  });
});

describe("a pod of several network cards", () => {
  // As aws-cni 1.23 prints it for k8s.amazonaws.com/nicConfig: multi-nic-attachment.
  const cards = (version: CniVersion) => {
    const family = version.startsWith("0") ? { version: "4" } : {};
    return {
      cniVersion: version,
      interfaces: [
        { name: "enicc21c2d7785" },
        { name: "eth0", mac: "254", sandbox: "/s" },
        { name: "enia0b7655f3c9" },
        { name: "mNicIf1", mac: "10101", sandbox: "/s" },
        { name: "dummycc21c2d7785", mac: "0", sandbox: "0" },
      ],
      ips: [
        { ...family, interface: 3, address: "10.0.1.51/32", custom: 1 },
        { ...family, interface: 1, address: "10.0.0.50/32" },
        // Neither is another interface's of the pod.
        { ...family, address: "10.0.0.52/32" },
        { ...family, interface: 0, address: "10.0.0.53/32" },
        { ...family, interface: 9, address: "10.0.0.54/32" },
      ],
    };
  };
  const branch = {
    ifName: "eth0",
    mac: "02:b1:00:00:00:07",
    mtu: 9001,
    ips: [{ address: "10.0.0.20/24", gateway: "10.0.0.1" }],
    routes: [],
  };

  it.each(SUPPORTED_VERSIONS)("keeps the others' addresses, behind the branch's: %s", (version) => {
    const family = version.startsWith("0") ? { version: "4" } : {};
    const mtu = version === "1.1.0" ? { mtu: 9001 } : {};
    const before = cards(version);
    const previous = parse(JSON.stringify(before), version);
    const [host, , host1, second, dummy] = before.interfaces;
    const kept = { ...family, interface: 3, address: "10.0.1.51/32", custom: 1 };
    const direct = withBranch(previous, { ...branch, hostName: "host0", sandbox: "/s" }, version);
    expect(direct["interfaces"]).toEqual([
      host,
      { name: "host0", mac: "254", sandbox: "/s" },
      host1,
      second,
      dummy,
      { name: "eth0", mac: branch.mac, ...mtu, sandbox: "/s" },
    ]);
    expect(direct["ips"]).toEqual([
      { ...family, interface: 5, address: "10.0.0.20/24", gateway: "10.0.0.1" },
      kept,
    ]);
    const routed = withRoutedBranch(
      previous,
      { ...branch, vlanName: "vlan.eth.7", podMac: "0a:00:00:00:00:01" },
      version,
    );
    expect(routed["interfaces"]).toEqual([
      host,
      { name: "eth0", mac: "0a:00:00:00:00:01", sandbox: "/s" },
      host1,
      second,
      dummy,
      { name: "vlan.eth.7", mac: branch.mac, ...mtu },
    ]);
    expect(routed["ips"]).toEqual([
      { ...family, interface: 1, address: "10.0.0.20/24", gateway: "10.0.0.1" },
      kept,
    ]);
  });

  it("converts what it keeps", () => {
    const previous = parse(JSON.stringify(cards("1.0.0")), "1.0.0");
    const result = withBranch(previous, { ...branch, hostName: "host0", sandbox: "/s" }, "0.4.0");
    expect(result["ips"]).toEqual([
      { version: "4", interface: 5, address: "10.0.0.20/24", gateway: "10.0.0.1" },
      { version: "4", interface: 3, address: "10.0.1.51/32", custom: 1 },
    ]);
  });
});
