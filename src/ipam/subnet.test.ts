import { describe, expect, it } from "vitest";
import { parsePrefix } from "../values/ip.ts";
import { addressDefect, gatewayOf } from "./subnet.ts";

const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
};

describe("gatewayOf", () => {
  it.each([
    ["192.168.32.0/19", "192.168.32.1"],
    ["10.0.0.240/28", "10.0.0.241"],
    ["10.0.0.252/30", "10.0.0.253"],
    ["2600:1f18:0:1::/64", "fe80:ec2::1"],
  ])("of %s is %s", (subnet, gateway) => expect(gatewayOf(prefix(subnet))).toBe(gateway));
});

describe("addressDefect", () => {
  it.each([
    ["192.168.32.0/19", "192.168.32.2", undefined],
    ["192.168.32.0/19", "192.168.63.254", undefined],
    ["192.168.32.0/19", "192.168.32.255", undefined],
    ["192.168.32.0/19", "192.168.33.0", undefined],
    ["192.168.32.0/19", "192.168.32.0", "the address of its subnet itself"],
    ["192.168.32.0/19", "192.168.32.1", "the address of its subnet's gateway"],
    ["192.168.32.0/19", "192.168.63.255", "the broadcast address of its subnet"],
    ["10.0.0.16/28", "10.0.0.31", "the broadcast address of its subnet"],
    ["10.0.0.16/28", "10.0.0.30", undefined],
    ["2600:1f18::/64", "2600:1f18::", "the address of its subnet itself"],
    // The IPv6 router is not in the subnet, and there is no broadcast.
    ["2600:1f18::/64", "2600:1f18::1", undefined],
    ["2600:1f18::/64", "2600:1f18::ffff:ffff:ffff:ffff", undefined],
    ["0.0.0.0/1", "0.1.2.3", "an unspecified address"],
    ["127.0.0.0/8", "127.0.0.5", "a loopback address"],
    ["169.254.0.0/16", "169.254.1.5", "a link-local address"],
    ["224.0.0.0/4", "224.0.0.5", "a multicast or reserved address"],
    ["240.0.0.0/4", "240.0.0.5", "a multicast or reserved address"],
    ["::/64", "::1", "an unspecified, loopback or IPv4-mapped address"],
    ["fe80::/64", "fe80::5", "a link-local address"],
    ["ff02::/64", "ff02::5", "a multicast address"],
  ])("in %s of %s: %s", (subnet, address, defect) => {
    expect(addressDefect(prefix(subnet), address)).toBe(defect);
  });
});
