import { describe, expect, it } from "vitest";
import { decodeBranch } from "../ipam/annotation.ts";
import { isAttachedByPrimary } from "./already-attached.ts";
import { readPrevResult } from "./prevresult.ts";

const branch = decodeBranch(
  JSON.stringify([
    {
      eniId: "eni-0b1",
      ifAddress: "02:B1:00:00:00:07",
      privateIp: "10.0.1.30",
      vlanId: 7,
      subnetCidr: "10.0.1.0/24",
      ipv6Addr: "2001:db8:1::30",
      subnetV6Cidr: "2001:db8:1::/64",
    },
  ]),
);

function attached(
  {
    dummy = "0",
    address = "10.0.1.99/32",
    ...more
  }: { dummy?: string; address?: string; name?: string; mac?: string },
  known = true,
): boolean {
  const prevResult = readPrevResult(
    {
      prevResult: {
        cniVersion: "1.0.0",
        interfaces: [
          { name: "vlan0a1b2c3d4e5" },
          { mac: "107", name: "eth0", sandbox: "/var/run/netns/a" },
          { mac: dummy, name: "dummy0a1b2c3d4e5", sandbox: "0" },
          ...(more.name === undefined ? [] : [{ name: more.name, mac: more.mac ?? "" }]),
        ],
        ips: [{ address, interface: 1 }],
      },
    },
    "1.0.0",
  );
  if (prevResult === undefined) throw new Error("no result");
  return isAttachedByPrimary(prevResult, known ? branch : undefined);
}

describe("the primary has attached the branch", () => {
  it.each([
    ["strict, as aws-cni says it", { dummy: "7", address: "10.0.1.30/32" }],
    ["another VLAN id than the annotation's", { dummy: "4094" }],
    ["the branch's address alone", { address: "10.0.1.30/32" }],
    ["its IPv6 address, written otherwise", { address: "2001:DB8:1:0::30/128" }],
  ])("%s", (_what, result) => {
    expect(attached(result)).toBe(true);
  });

  it("is told by the VLAN id where the pod's annotation is missing", () => {
    expect(attached({ dummy: "7", address: "10.0.1.30/32" }, false)).toBe(true);
    expect(attached({ address: "10.0.1.30/32" }, false)).toBe(false);
  });
});

describe("the primary has attached none", () => {
  it.each([
    ["aws-cni's pod without a branch", {}],
    ["no VLAN id", { dummy: "4095" }],
    ["no number", { dummy: "7x" }],
    ["nothing", { dummy: "" }],
    ["a MAC", { dummy: "02:00:00:00:00:07" }],
    ["a number of another interface", { name: "eth1", mac: "7" }],
    ["our own result", { address: "10.0.1.30/24", name: "vlan.eth.7", mac: "02:b1:00:00:00:07" }],
  ])("%s", (_what, result) => {
    expect(attached(result)).toBe(false);
  });
});
