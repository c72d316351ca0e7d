import {
  canonicalIp,
  contains,
  familyOf,
  formatIp,
  formatPrefix,
  ipBytes,
  networkOf,
  parsePrefix,
} from "../../values/ip.ts";
import type { IpPrefix } from "../../values/ip.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import type { Subnet, World } from "./types.ts";

/** The first four addresses of a subnet and its last are EC2's own. */
const RESERVED_FIRST = 4;
const RESERVED = RESERVED_FIRST + 1;
/** The only lengths of prefixes that an interface can have. */
export const PREFIX_LENGTHS = { 4: 28, 6: 80 } as const;

/** A CIDR block of that family with its host bits cleared, as EC2 stores it. */
export function readCidr(text: string, name: string, family: 4 | 6 = 4): IpPrefix {
  const prefix = text.includes("/") ? parsePrefix(text) : undefined;
  if (prefix === undefined || familyOf(prefix.address) !== family) {
    throw invalidValue(text, name, "This is not a valid CIDR block.");
  }
  return { address: networkOf(prefix), length: prefix.length };
}

export function overlap(a: string, b: string): boolean {
  const first = prefixOf(a);
  const second = prefixOf(b);
  return contains(first, second.address) || contains(second, first.address);
}

export function within(outer: string, inner: IpPrefix): boolean {
  const prefix = prefixOf(outer);
  return inner.length >= prefix.length && contains(prefix, inner.address);
}

export function prefixOf(cidr: string): IpPrefix {
  const prefix = parsePrefix(cidr);
  if (prefix === undefined) throw new TypeError(`Cannot read prefix "${cidr}"`);
  return prefix;
}

/** All addresses of the subnet but EC2's own. */
export function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - prefixOf(subnet.cidr).length) - RESERVED;
}

export function freeAddresses(subnet: Subnet): number {
  return sizeOf(subnet) - subnet.used.size;
}

function toNumber(address: string): number {
  return ipBytes(address).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** How many addresses after the block's first. */
export function offsetOf(subnet: Subnet, address: string): number {
  return toNumber(address) - toNumber(prefixOf(subnet.cidr).address);
}

/** The address so many after the block's first. */
export function addressAt(subnet: Subnet, offset: number): string {
  const value = toNumber(prefixOf(subnet.cidr).address) + offset;
  return [value / 2 ** 24, value / 2 ** 16, value / 2 ** 8, value]
    .map((part) => Math.floor(part) % 256)
    .join(".");
}

export function subnetFull(subnet: Subnet): Ec2Error {
  return new Ec2Error(
    "InsufficientFreeAddressesInSubnet",
    `The specified subnet '${subnet.id}' does not have enough free addresses to satisfy the request.`,
  );
}

/** Throws unless the address can be given to an interface of the subnet. Changes nothing. */
export function checkAddress(subnet: Subnet, text: string, name: string): string {
  const address = canonicalIp(text);
  if (address === undefined || familyOf(address) !== 4)
    throw invalidValue(text, name, "Invalid IPv4 address.");
  if (!contains(prefixOf(subnet.cidr), address)) {
    throw invalidValue(text, name, "Address does not fall within the subnet's address range");
  }
  const offset = offsetOf(subnet, address);
  const isReserved = offset < RESERVED_FIRST || offset >= sizeOf(subnet) + RESERVED_FIRST;
  if (isReserved) throw invalidValue(text, name, "Address is in subnet's reserved address range");
  if (subnet.used.has(offset)) throw new Ec2Error("InvalidIPAddress.InUse", `Address ${address} is in use.`);
  return address;
}

export function takeAddress(subnet: Subnet, address: string): void {
  if (familyOf(address) === 6) subnet.usedIpv6.add(address);
  else subnet.used.add(offsetOf(subnet, address));
}

/** The next free address: freed ones come again only after the others, as in EC2. The caller knows that there is one. */
export function takeFreeAddress(subnet: Subnet): string {
  const size = sizeOf(subnet);
  for (let tried = 0; tried < size; tried++) {
    const offset = RESERVED_FIRST + ((subnet.next + tried) % size);
    if (subnet.used.has(offset)) continue;
    subnet.next = (subnet.next + tried + 1) % size;
    subnet.used.add(offset);
    return addressAt(subnet, offset);
  }
  throw subnetFull(subnet);
}

export function releaseAddress(subnet: Subnet, address: string): void {
  if (familyOf(address) === 6) subnet.usedIpv6.delete(address);
  else subnet.used.delete(offsetOf(subnet, address));
}

/** An unused address of the subnet's IPv6 block, seeded. */
export function takeFreeIpv6(world: World, subnet: Subnet): string {
  if (subnet.ipv6Cidr === undefined) throw new TypeError(`${subnet.id} has no IPv6 block`);
  const bytes = ipBytes(prefixOf(subnet.ipv6Cidr).address);
  for (;;) {
    for (let i = 8; i < 16; i++) bytes[i] = Math.floor(world.random.next() * 256);
    const address = formatIp(bytes);
    if (isUsedIpv6(subnet, address)) continue;
    subnet.usedIpv6.add(address);
    return address;
  }
}

/** By itself, or as one of a prefix. */
function isUsedIpv6({ usedIpv6, usedIpv6Prefixes }: Subnet, address: string): boolean {
  if (usedIpv6.has(address)) return true;
  if (usedIpv6Prefixes.size === 0) return false;
  const length = PREFIX_LENGTHS[6];
  return usedIpv6Prefixes.has(formatPrefix({ address: networkOf({ address, length }), length }));
}

/** Throws unless the text is a free address of the subnet's IPv6 block. */
export function checkIpv6(subnet: Subnet, text: string, name: string): string {
  const address = canonicalIp(text);
  if (address === undefined || familyOf(address) !== 6)
    throw invalidValue(text, name, "Invalid IPv6 address.");
  if (subnet.ipv6Cidr === undefined || !contains(prefixOf(subnet.ipv6Cidr), address)) {
    throw invalidValue(text, name, "Address does not fall within the subnet's address range");
  }
  if (isUsedIpv6(subnet, address))
    throw new Ec2Error("InvalidIPAddress.InUse", `Address ${address} is in use.`);
  return address;
}
