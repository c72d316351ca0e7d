import { describe, expect, it } from "vitest";
import { NEW, OLD, parseResult } from "../../test/unit/results.ts";
import type { Kernel } from "../datapath/kernel.ts";
import type { Facts } from "../datapath/facts.ts";
import { decodeBranch } from "../ipam/annotation.ts";
import type { DatapathName, Options } from "../datapath/datapath.ts";
import { SETUPS } from "../datapath/setups.ts";
import type { Link } from "../netlink/route/link.ts";
import { type JsonObject, stringifyJson } from "../text/json.ts";
import { type BranchResult, withBranch } from "./branch-result.ts";
import { requirePrevResult } from "./prevresult.ts";
import type { CniResult } from "./result.ts";
import { type CniVersion, SUPPORTED_VERSIONS } from "./versions.ts";

const branch = decodeBranch(
  JSON.stringify([
    {
      eniId: "eni-0b",
      ifAddress: "02:b1:00:00:00:07",
      privateIp: "10.0.0.20",
      ipv6Addr: "2001:db8:1::20",
      vlanId: 7,
      subnetCidr: "10.0.0.0/24",
      subnetV6Cidr: "2001:db8:1::/64",
    },
  ]),
);

const OPTIONS: Options = {
  interfaceName: "eth0",
  hostInterfaceName: "host0",
  mtu: 9001,
  mode: "strict",
  serviceCidrs: [],
  hostRoutes: [],
};

function resultOf(datapath: DatapathName, prev: CniResult, version: CniVersion, primary?: Link): JsonObject {
  const network = SETUPS[datapath].describe(branch, OPTIONS, primary);
  const { mac } = branch;
  return withBranch(
    prev,
    { ...network, ifName: "eth0", sandbox: "/run/netns/pod", mac, mtu: OPTIONS.mtu },
    version,
  );
}

const host = { name: "eni1234" };
const eth0 = { name: "eth0", mac: "1", sandbox: "/run/netns/pod" };
const odd = { name: "dummy1234", mac: "0", sandbox: "0" };

function primaryResult(cniVersion: CniVersion) {
  return requirePrevResult(
    {
      prevResult: {
        cniVersion,
        interfaces: [host, eth0, odd],
        ips: [
          { ...(cniVersion.startsWith("0.") && { version: "4" }), interface: 1, address: "10.0.0.50/32" },
        ],
        dns: { nameservers: ["172.20.0.10"] },
        kept: true,
      },
    },
    cniVersion,
  );
}

const facts: Facts = {
  pod: {
    primary: {
      link: { index: 2, name: "eth0", up: true, mtu: 9001, rest: [] },
      addresses: [],
      routes: [],
      permanentNeighbours: [],
    },
    otherDefaults: [],
    loopbackUp: true,
    sysctls: [],
  },
  node: {
    trunk: { index: 3, name: "eth1", up: true, mtu: 9001, rest: [] },
    nameIsTaken: false,
    veth: { index: 9, name: "eni1234", up: true, mtu: 9001, mac: "02:bb:00:00:00:01", rest: [] },
    addresses: [],
    source: {},
    table: [],
    rules: [],
  },
};

/** A node that has nothing for the pod. */
const kernel = { socket: () => ({ dump: () => [] }) } as unknown as Kernel;

describe("routed", () => {
  it.each([
    { cniVersion: "0.3.0", of4: { version: "4" }, of6: { version: "6" }, mtu: {} },
    { cniVersion: "0.3.1", of4: { version: "4" }, of6: { version: "6" }, mtu: {} },
    { cniVersion: "0.4.0", of4: { version: "4" }, of6: { version: "6" }, mtu: {} },
    { cniVersion: "1.0.0", of4: {}, of6: {}, mtu: {} },
    { cniVersion: "1.1.0", of4: {}, of6: {}, mtu: { mtu: 9001 } },
  ] as const)("the result in $cniVersion: the pod's interface stays, the VLAN device comes last", (row) => {
    const { cniVersion, of4, of6, mtu } = row;
    expect(resultOf("routed", primaryResult(cniVersion), cniVersion)).toEqual({
      cniVersion,
      interfaces: [host, eth0, odd, { name: "vlan.eth.7", mac: "02:b1:00:00:00:07", ...mtu }],
      ips: [
        { ...of4, interface: 1, address: "10.0.0.20/32", gateway: "10.0.0.1" },
        { ...of6, interface: 1, address: "2001:db8:1::20/128", gateway: "fe80:ec2::1" },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "169.254.1.1" },
        { dst: "::/0", gw: "fe80::1" },
      ],
      dns: { nameservers: ["172.20.0.10"] },
      kept: true,
    });
  });

  it("the pod's interface has its own MAC in the result once it is known, no route table's number", () => {
    const link = { ...facts.pod.primary.link, mac: "0a:00:00:00:00:01" };
    expect(resultOf("routed", primaryResult("1.0.0"), "1.0.0", link)["interfaces"]).toEqual([
      host,
      { ...eth0, mac: "0a:00:00:00:00:01" },
      odd,
      { name: "vlan.eth.7", mac: "02:b1:00:00:00:07" },
    ]);
  });

  it("no result where the primary made no interface in the pod", () => {
    const none = requirePrevResult({ prevResult: { cniVersion: "1.0.0", interfaces: [host] } }, "1.0.0");
    expect(() => resultOf("routed", none, "1.0.0")).toThrow(/no interface "eth0" in a sandbox/);
  });

  it.each([
    { mode: "strict", priorities: [10, 10, 10, 10] },
    { mode: "standard", priorities: [512, 1536, 512, 1536] },
  ] as const)("the plan has the mode's rules, and the MTU: $mode", ({ mode, priorities }) => {
    const options = { ...OPTIONS, mode, mtu: 1500 };
    const done = SETUPS.routed.plan(kernel, branch, facts, options).map((step) => step.do);
    expect(done.flatMap((operation) => (operation.kind === "rule" ? [operation.rule.priority] : []))).toEqual(
      priorities,
    );
    expect(done.flatMap((operation) => (operation.kind === "vlan" ? [operation.vlan.mtu] : []))).toEqual([
      1500,
    ]);
  });
});

describe("direct", () => {
  it("the branch takes the primary's name, with the subnet's prefix and gateway", () => {
    expect(resultOf("direct", primaryResult("1.0.0"), "1.0.0")).toMatchObject({
      interfaces: [host, { ...eth0, name: "host0" }, odd, { name: "eth0", mac: "02:b1:00:00:00:07" }],
      ips: [
        { interface: 3, address: "10.0.0.20/24", gateway: "10.0.0.1" },
        { interface: 3, address: "2001:db8:1::20/128", gateway: "fe80:ec2::1" },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.0.0.1" },
        { dst: "::/0", gw: "fe80:ec2::1" },
      ],
    });
  });
});

const prev = (version: CniVersion) =>
  parseResult(JSON.stringify({ ...OLD, cniVersion: version, routes: [] }), version);

describe("withBranch", () => {
  const BRANCH: BranchResult = {
    ifName: "eth0",
    branch: { at: "pod", name: "eth0" },
    primary: { name: "host0" },
    mac: "02:78:59:8f:ee:b2",
    mtu: 9001,
    sandbox: "/var/run/netns/x",
    addresses: [
      { address: "192.168.32.13", length: 19, gateway: "192.168.32.1" },
      { address: "2600:1f18::5", length: 128, gateway: "fe80:ec2::1" },
    ],
    routes: [
      { family: 4, gateway: "192.168.32.1" },
      { family: 6, gateway: "fe80:ec2::1" },
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
      routes: [
        { dst: "0.0.0.0/0", gw: "192.168.32.1" },
        { dst: "::/0", gw: "fe80:ec2::1" },
      ],
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
    const result = withBranch(parseResult(JSON.stringify(NEW), "1.1.0"), BRANCH, "0.4.0");
    expect(result["interfaces"]).toEqual([
      { name: "host0", mac: "m", sandbox: "/s", custom: 1 },
      { name: "eth0", mac: BRANCH.mac, sandbox: BRANCH.sandbox },
    ]);
  });

  it("keeps every number, and leaves prevResult as it was", () => {
    const text =
      '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/s","n":1.0}],"x":12345678901234567890}';
    const before = parseResult(text, "1.0.0");
    const printed = stringifyJson(withBranch(before, BRANCH, "1.0.0"));
    expect(printed).toContain('"n":1.0');
    expect(printed).toContain('"x":12345678901234567890');
    expect(stringifyJson(before.raw)).toBe(text);
  });

  it.each([
    [{ interfaces: [{ name: "eth0" }] }, 'prevResult has no interface "eth0" in a sandbox'],
    [{}, 'prevResult has no interface "eth0" in a sandbox'],
    [
      { interfaces: [{ name: "eth0", sandbox: "/s" }, { name: "host0" }] },
      'hostInterfaceName "host0" is taken by prevResult.interfaces[1]',
    ],
  ])("refuses %j", (result, message) => {
    const run = () => withBranch(parseResult(JSON.stringify(result), "1.0.0"), BRANCH, "1.0.0");
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
  const made = {
    ifName: "eth0",
    sandbox: "/s",
    mac: "02:b1:00:00:00:07",
    mtu: 9001,
    addresses: [{ address: "10.0.0.20", length: 24, gateway: "10.0.0.1" }],
    routes: [],
  };
  const inPod: BranchResult = {
    ...made,
    branch: { at: "pod", name: "eth0" },
    primary: { name: "host0" },
  };
  const onNode: BranchResult = {
    ...made,
    branch: { at: "node", name: "vlan.eth.7" },
    primary: { name: "eth0", mac: "0a:00:00:00:00:01" },
  };

  it.each(SUPPORTED_VERSIONS)("keeps the others' addresses, behind the branch's: %s", (version) => {
    const family = version.startsWith("0") ? { version: "4" } : {};
    const mtu = version === "1.1.0" ? { mtu: 9001 } : {};
    const before = cards(version);
    const previous = parseResult(JSON.stringify(before), version);
    const [veth, , veth1, second, dummy] = before.interfaces;
    const kept = { ...family, interface: 3, address: "10.0.1.51/32", custom: 1 };
    const direct = withBranch(previous, inPod, version);
    expect(direct["interfaces"]).toEqual([
      veth,
      { name: "host0", mac: "254", sandbox: "/s" },
      veth1,
      second,
      dummy,
      { name: "eth0", mac: made.mac, ...mtu, sandbox: "/s" },
    ]);
    expect(direct["ips"]).toEqual([
      { ...family, interface: 5, address: "10.0.0.20/24", gateway: "10.0.0.1" },
      kept,
    ]);
    const routed = withBranch(previous, onNode, version);
    expect(routed["interfaces"]).toEqual([
      veth,
      { name: "eth0", mac: "0a:00:00:00:00:01", sandbox: "/s" },
      veth1,
      second,
      dummy,
      { name: "vlan.eth.7", mac: made.mac, ...mtu },
    ]);
    expect(routed["ips"]).toEqual([
      { ...family, interface: 1, address: "10.0.0.20/24", gateway: "10.0.0.1" },
      kept,
    ]);
  });

  it("converts what it keeps", () => {
    const previous = parseResult(JSON.stringify(cards("1.0.0")), "1.0.0");
    const result = withBranch(previous, inPod, "0.4.0");
    expect(result["ips"]).toEqual([
      { version: "4", interface: 5, address: "10.0.0.20/24", gateway: "10.0.0.1" },
      { version: "4", interface: 3, address: "10.0.1.51/32", custom: 1 },
    ]);
  });
});
