// The few facts about addresses that the ground needs; the plugin's own arithmetic stays untested by itself.
import { isIPv6 } from "node:net";

/** The address part of `a.b.c.d/n`. */
export function addressOf(cidr: string): string {
  return cidr.split("/")[0] ?? cidr;
}

/** The prefix length of a CIDR. */
export function prefixOf(cidr: string): string {
  const prefix = cidr.split("/")[1];
  if (prefix === undefined) throw new Error(`not a CIDR: ${cidr}`);
  return prefix;
}

/** Base + 1 of an IPv4 subnet: where a VPC's router answers. */
export function gatewayOf(subnet: string): string {
  const bytes = addressOf(subnet).split(".").map(Number);
  // A VPC's subnets are /28 or larger, so the base is even and adding one never carries.
  bytes[3] = (bytes[3] ?? 0) + 1;
  return bytes.join(".");
}

/** Whether an address or CIDR is IPv6. */
export function isV6(address: string): boolean {
  return isIPv6(addressOf(address));
}
