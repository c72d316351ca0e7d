import { describe, expect, it } from "vitest";
import type { Kernel } from "../datapath/kernel.ts";
import type { Facts } from "../datapath/facts.ts";
import { decodeBranch } from "../ipam/annotation.ts";
import { forDatapath, readConfig } from "./config.ts";
import { DATAPATHS, type PlanOptions } from "./datapaths.ts";
import type { JsonObject } from "../text/json.ts";
import { requirePrevResult } from "./prevresult.ts";
import type { CniRequest } from "./request.ts";
import type { CniVersion } from "./versions.ts";

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

function optionsOf(cniVersion: CniVersion, raw: JsonObject, mtu = 9001): PlanOptions {
  const request = { ifName: "eth0", netns: "/run/netns/pod", cniVersion } as CniRequest;
  const { config } = readConfig({ enablePodENI: true, serviceCIDRs: [], ...raw }, {}, { ifName: "eth0" });
  const datapath = config.datapath === "auto" ? "routed" : config.datapath;
  return { request, config: forDatapath(config, datapath), mtu };
}

const host = { name: "eni1234" };
const eth0 = { name: "eth0", mac: "1", sandbox: "/run/netns/pod" };
const odd = { name: "dummy1234", mac: "0", sandbox: "0" };

function previous(cniVersion: CniVersion) {
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
    const options = optionsOf(cniVersion, { datapath: "routed" });
    expect(DATAPATHS.routed.result(previous(cniVersion), branch, options)).toEqual({
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
    const options = { ...optionsOf("1.0.0", { datapath: "routed" }), primaryMac: "0a:00:00:00:00:01" };
    expect(DATAPATHS.routed.result(previous("1.0.0"), branch, options)["interfaces"]).toEqual([
      host,
      { ...eth0, mac: "0a:00:00:00:00:01" },
      odd,
      { name: "vlan.eth.7", mac: "02:b1:00:00:00:07" },
    ]);
  });

  it("no result where the primary made no interface in the pod", () => {
    const none = requirePrevResult({ prevResult: { cniVersion: "1.0.0", interfaces: [host] } }, "1.0.0");
    const options = optionsOf("1.0.0", { datapath: "routed" });
    expect(() => DATAPATHS.routed.result(none, branch, options)).toThrow(/no interface "eth0" in a sandbox/);
  });

  it.each([
    { raw: {}, priorities: [10, 10, 10, 10] },
    { raw: { podSGEnforcingMode: "strict" }, priorities: [10, 10, 10, 10] },
    { raw: { podSGEnforcingMode: "standard" }, priorities: [512, 1536, 512, 1536] },
  ] as const)("the plan has the mode's rules, and the MTU: $raw", ({ raw, priorities }) => {
    const options = optionsOf("1.0.0", { datapath: "routed", ...raw }, 1500);
    const done = DATAPATHS.routed.plan(kernel, branch, facts, options).map((step) => step.do);
    expect(done.flatMap((operation) => (operation.kind === "rule" ? [operation.rule.priority] : []))).toEqual(
      priorities,
    );
    expect(done.flatMap((operation) => (operation.kind === "vlan" ? [operation.vlan.mtu] : []))).toEqual([
      1500,
    ]);
  });

  it.each(["Strict", "", "none", 1, true])("podSGEnforcingMode %o is an error before any plan", (value) => {
    expect(() => optionsOf("1.0.0", { datapath: "routed", podSGEnforcingMode: value })).toThrow(
      /podSGEnforcingMode .* is neither "standard" nor "strict"/,
    );
  });
});

describe("direct", () => {
  it("the branch takes the primary's name, with the subnet's prefix and gateway", () => {
    const result = DATAPATHS.direct.result(previous("1.0.0"), branch, optionsOf("1.0.0", {}));
    expect(result).toMatchObject({
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
