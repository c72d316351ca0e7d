/** The addresses that a VPC subnet reserves: its gateway and those that no pod can have. */

import { contains, familyOf, formatIp, ipBytes } from "../values/ip.ts";
import type { IpPrefix } from "../values/ip.ts";

/** The VPC router's link-local address: the same one in every subnet. */
export const IPV6_GATEWAY = "fe80:ec2::1";

/** The router of a subnet: its base + 1 for IPv4, one constant for IPv6. */
export function gatewayOf(subnet: IpPrefix): string {
  if (familyOf(subnet.address) === 6) return IPV6_GATEWAY;
  const bytes = ipBytes(subnet.address);
  // The base is even for any length that leaves room for a router, so there is no carry.
  bytes[3] = (bytes[3] ?? 0) | 1;
  return formatIp(bytes);
}

/** Ranges that no host in a VPC can have an address from. */
const NOT_UNICAST: readonly [IpPrefix, string][] = [
  [{ address: "0.0.0.0", length: 8 }, "an unspecified address"],
  [{ address: "127.0.0.0", length: 8 }, "a loopback address"],
  [{ address: "169.254.0.0", length: 16 }, "a link-local address"],
  [{ address: "224.0.0.0", length: 3 }, "a multicast or reserved address"],
  [{ address: "::", length: 8 }, "an unspecified, loopback or IPv4-mapped address"],
  [{ address: "fe80::", length: 10 }, "a link-local address"],
  [{ address: "ff00::", length: 8 }, "a multicast address"],
];

/** Why no pod can have this address of the subnet, or undefined if one can. */
export function addressDefect(subnet: IpPrefix, address: string): string | undefined {
  for (const [range, name] of NOT_UNICAST) if (contains(range, address)) return name;
  // In IPv6 the base is the routers' anycast address (RFC 4291, 2.6.1).
  if (address === subnet.address) return "the address of its subnet itself";
  if (familyOf(address) === 6) return undefined;
  if (address === gatewayOf(subnet)) return "the address of its subnet's gateway";
  if (address === broadcastOf(subnet)) return "the broadcast address of its subnet";
  return undefined;
}

function broadcastOf(subnet: IpPrefix): string {
  const bytes = ipBytes(subnet.address);
  return formatIp(bytes.map((byte, i) => byte | (0xff >> Math.max(0, Math.min(8, subnet.length - i * 8)))));
}
