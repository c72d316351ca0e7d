import { describe, expect, it } from "vitest";
import { decodeBranch } from "../../ipam/annotation.ts";
import { readConfig } from "../../cni/config.ts";
import { DatapathError } from "../error.ts";
import { refuseNetworksPastBranch } from "./networks.ts";

const ipv4 = { privateIp: "10.0.1.30", subnetCidr: "10.0.1.0/24" };
const ipv6 = { ipv6Addr: "fd00:1::30", subnetV6Cidr: "fd00:1::/64" };

function branchOf(addresses: object) {
  const identity = { eniId: "eni-0b", ifAddress: "02:b1:00:00:00:07", vlanId: 7 };
  return decodeBranch(JSON.stringify([{ ...identity, ...addresses }]));
}

function refusal(entry: object, addresses: object = { ...ipv4, ...ipv6 }): string | undefined {
  const { config } = readConfig({ enablePodENI: true, serviceCIDRs: [], ...entry }, {});
  const options = { serviceCidrs: config.serviceCIDRs, hostRoutes: config.hostRoutes };
  try {
    refuseNetworksPastBranch(branchOf(addresses), options);
    return undefined;
  } catch (error) {
    if (error instanceof DatapathError && error.failure === "config") return error.message;
    throw error;
  }
}

describe.each(["serviceCIDRs", "hostRoutes"])("%s", (key) => {
  it.each([
    ["10.0.0.0/8", "contains the subnet 10.0.1.0/24 of eni-0b"],
    ["10.0.0.0/16", "contains the subnet 10.0.1.0/24 of eni-0b"],
    ["10.0.1.0/24", "is the subnet 10.0.1.0/24 of eni-0b"],
    ["10.0.1.128/25", "lies within the subnet 10.0.1.0/24 of eni-0b"],
    ["10.0.1.1/32", "lies within the subnet 10.0.1.0/24 of eni-0b"],
    ["10.0.1.30/32", "lies within the subnet 10.0.1.0/24 of eni-0b"],
    ["fd00:1::/32", "contains the subnet fd00:1::/64 of eni-0b"],
    ["fd00:1::/64", "is the subnet fd00:1::/64 of eni-0b"],
    ["fd00:1::30/128", "lies within the subnet fd00:1::/64 of eni-0b"],
    ["fd00:1::a:0/112", "lies within the subnet fd00:1::/64 of eni-0b"],
    ["fe80:ec2::1/128", "contains fe80:ec2::1, the gateway of every branch"],
    ["fe80:ec2::/32", "contains fe80:ec2::1, the gateway of every branch"],
    ["fe80:ec2::/64", "contains fe80:ec2::1, the gateway of every branch"],
    ["fe80::/64", "contains all link-local addresses (fe80::/64)"],
    ["fe80::/32", "contains all link-local addresses (fe80::/64)"],
    ["169.254.0.0/16", "contains all link-local addresses (169.254.0.0/16)"],
    ["169.0.0.0/8", "contains all link-local addresses (169.254.0.0/16)"],
  ])("%s is refused: it %s", (network, reason) => {
    expect(refusal({ [key]: ["172.20.0.0/16", network] })).toMatch(
      new RegExp(`^${key} "${network}" ${reason.replaceAll(/[.()]/g, "\\$&")}`),
    );
  });

  it.each([
    "10.0.2.0/24",
    "10.0.0.0/24",
    "10.100.0.0/16",
    "172.20.0.0/16",
    "192.168.0.0/16",
    "fd00:2::/64",
    "fd00:1:0:1::/64",
    "fdb2:5c36:1b3e::/108",
    "fd00:20::/108",
    "169.254.170.23/32",
    "169.254.20.0/24",
    "fd00:ec2::23/128",
    "fe80::a9fe:1401/128",
  ])("%s passes", (network) => expect(refusal({ [key]: [network] })).toBeUndefined());
});

it("the defaults pass", () => expect(refusal({ serviceCIDRs: ["10.100.0.0/16"] })).toBeUndefined());

it("a family that the branch does not get has no subnet to be compared with", () => {
  expect(refusal({ serviceCIDRs: ["fd00:1::/64"] }, ipv4)).toBeUndefined();
  expect(refusal({ serviceCIDRs: ["10.0.0.0/16"] }, ipv6)).toBeUndefined();
});
