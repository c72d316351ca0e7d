import { canonicalIp, contains, parsePrefix } from "../values/ip.ts";

/** Whether a block of addresses has one; not when either cannot be read, or they are of different families. */
export function isIn(cidr: string, address: string): boolean {
  const block = parsePrefix(cidr);
  return block !== undefined && canonicalIp(address) !== undefined && contains(block, address);
}
