import { describe, expect, it } from "vitest";
import { decodeBranch } from "../ipam/annotation.ts";
import { isAttachedByPrimary, leaveToPrimary } from "./already-attached.ts";
import type { Call } from "./call.ts";
import { readConfig } from "./config.ts";
import { requirePrevResult } from "./prevresult.ts";
import type { CniResult } from "./result.ts";

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

interface Said {
  readonly dummy?: string;
  readonly address?: string;
  readonly name?: string;
  readonly mac?: string;
}

/** What aws-cni answers, but for what is said. */
function resultOf({ dummy = "0", address = "10.0.1.99/32", name, mac = "" }: Said): CniResult {
  const prevResult = {
    cniVersion: "1.0.0",
    interfaces: [
      { name: "vlan0a1b2c3d4e5" },
      { mac: "107", name: "eth0", sandbox: "/var/run/netns/a" },
      { mac: dummy, name: "dummy0a1b2c3d4e5", sandbox: "0" },
      ...(name === undefined ? [] : [{ name, mac }]),
    ],
    ips: [{ address, interface: 1 }],
  };
  return requirePrevResult({ prevResult }, "1.0.0");
}

const attached = (said: Said, known = true) =>
  isAttachedByPrimary(resultOf(said), known ? branch : undefined);

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

describe("a pod that the primary has attached", () => {
  const settle = (alreadyAttached: "refuse" | "pass", said: Said, known = true) => {
    const { config } = readConfig(
      { cniVersion: "1.0.0", name: "n", type: "branchline", alreadyAttached },
      {},
    );
    const notes: unknown[] = [];
    const call = { note: (fields: unknown) => notes.push(fields) } as unknown as Call;
    leaveToPrimary(call, config, resultOf(said), known ? branch : undefined);
    return notes;
  };
  const said = { dummy: "7", address: "10.0.1.30/32" };

  it("is refused with the branch's ENI, or its VLAN id where that is all that is known", () => {
    expect(() => settle("refuse", said)).toThrow(
      "the primary plugin has attached eni-0b1 already (aws-cni with ENABLE_POD_ENI): only one of the two may",
    );
    expect(() => settle("refuse", said, false)).toThrow("has attached the branch of VLAN id 7 already");
    expect(() => settle("refuse", said)).toThrow(expect.objectContaining({ code: 7 }));
  });

  it("passes where that is configured, and is noted", () => {
    const notes = [{ outcome: "attached by the primary plugin already" }];
    expect(settle("pass", said)).toEqual(notes);
    expect(settle("pass", said, false)).toEqual(notes);
    expect(settle("pass", { address: "10.0.1.30/32" })).toEqual(notes);
  });

  it("never passes with another branch than the annotation's", () => {
    expect(() => settle("pass", { ...said, dummy: "8" })).toThrow(
      "has attached another branch (VLAN id 8) than eni-0b1 (VLAN id 7)",
    );
    expect(() => settle("pass", { dummy: "7" })).toThrow("another branch (VLAN id 7) than eni-0b1");
    expect(() => settle("pass", {})).toThrow("has attached eni-0b1 already");
  });
});
