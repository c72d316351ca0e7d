import { familyOf, formatIp, ipBytes } from "../../values/ip.ts";
import type { IpFamily } from "../../values/ip.ts";
import { PREFIX_LENGTHS, addressAt, offsetOf, prefixOf, readCidr, within } from "./addresses.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import type { Subnet, World } from "./types.ts";

/** Addresses of an IPv4 prefix. */
export const PREFIX_SIZE = 2 ** (32 - PREFIX_LENGTHS[4]);
/** /80 of a subnet's /64. */
const IPV6_BLOCKS = 2 ** 16;

/** A subnet as a row of blocks, each of which can be a prefix, by their numbers. */
interface Blocks {
  readonly count: number;
  at(index: number): string;
  /** The one that an address is in. */
  indexOf(address: string): number;
  /** Those in which anything is in use. */
  used(): Set<number>;
}

const BLOCKS: Readonly<Record<IpFamily, (subnet: Subnet) => Blocks>> = {
  4: (subnet) => ({
    count: 2 ** (PREFIX_LENGTHS[4] - prefixOf(subnet.cidr).length),
    at: (index) => `${addressAt(subnet, index * PREFIX_SIZE)}/${PREFIX_LENGTHS[4]}`,
    indexOf: (address) => Math.floor(offsetOf(subnet, address) / PREFIX_SIZE),
    used: () => new Set([...subnet.used].map((offset) => Math.floor(offset / PREFIX_SIZE))),
  }),
  6(subnet) {
    const { address: network } = prefixOf(subnet.ipv6Cidr ?? "");
    const indexOf = (address: string) => {
      const bytes = ipBytes(address);
      return (bytes[8] ?? 0) * 256 + (bytes[9] ?? 0);
    };
    return {
      count: IPV6_BLOCKS,
      at(index) {
        const bytes = ipBytes(network);
        bytes[8] = index >> 8;
        bytes[9] = index & 255;
        return `${formatIp(bytes)}/${PREFIX_LENGTHS[6]}`;
      },
      indexOf,
      used: () => new Set([...subnet.usedIpv6, ...[...subnet.usedIpv6Prefixes].map(networkOf)].map(indexOf)),
    };
  },
};

function networkOf(prefix: string): string {
  return prefixOf(prefix).address;
}

/** Prefixes that a request names, how many EC2 is to choose, and addresses that it takes besides. */
export interface WantedPrefixes {
  readonly named: readonly string[];
  readonly count: number;
  readonly beside: readonly string[];
}

/** Free prefixes of the subnet as wanted. Throws when there are none; changes nothing. */
export function choosePrefixes(
  { random }: World,
  subnet: Subnet,
  family: IpFamily,
  { named, count, beside }: WantedPrefixes,
): string[] {
  if (named.length + count === 0) return [];
  const blocks = BLOCKS[family](subnet);
  const used = blocks.used();
  const take = (index: number): string => {
    used.add(index);
    return blocks.at(index);
  };
  const isReserved = (index: number) => index === 0 || index === blocks.count - 1;
  for (const address of beside) used.add(blocks.indexOf(address));
  const chosen = named.map((text) => {
    const index = blocks.indexOf(networkOfNamed(subnet, family, text));
    if (isReserved(index)) {
      throw invalidValue(text, `ipv${family}Prefix`, "It has addresses of the subnet's reserved ones.");
    }
    if (used.has(index)) throw new Ec2Error("InvalidIPAddress.InUse", `Prefix ${text} is in use.`);
    return take(index);
  });
  const start = Math.floor(random.next() * blocks.count);
  for (let i = 0; i < blocks.count && chosen.length < named.length + count; i++) {
    const index = (start + i) % blocks.count;
    if (!isReserved(index) && !used.has(index)) chosen.push(take(index));
  }
  if (chosen.length === named.length + count) return chosen;
  throw new Ec2Error(
    "InsufficientCidrBlocks",
    "The specified subnet does not have enough free cidr blocks to satisfy the request.",
  );
}

function networkOfNamed(subnet: Subnet, family: IpFamily, text: string): string {
  const name = `ipv${family}Prefix`;
  const prefix = readCidr(text, name, family);
  const block = family === 4 ? subnet.cidr : subnet.ipv6Cidr;
  if (prefix.length !== PREFIX_LENGTHS[family])
    throw invalidValue(text, name, `It is a /${PREFIX_LENGTHS[family]}.`);
  if (networkOf(text) !== prefix.address) throw invalidValue(text, name, "Its host bits are not zero.");
  if (block === undefined || !within(block, prefix)) {
    throw invalidValue(text, name, "Prefix does not fall within the subnet's address range");
  }
  return prefix.address;
}

export function takePrefix(subnet: Subnet, prefix: string): void {
  if (familyOf(prefix) === 6) subnet.usedIpv6Prefixes.add(prefix);
  else for (const offset of offsetsOf(subnet, prefix)) subnet.used.add(offset);
}

export function releasePrefix(subnet: Subnet, prefix: string): void {
  if (familyOf(prefix) === 6) subnet.usedIpv6Prefixes.delete(prefix);
  else for (const offset of offsetsOf(subnet, prefix)) subnet.used.delete(offset);
}

function offsetsOf(subnet: Subnet, prefix: string): number[] {
  const first = offsetOf(subnet, networkOf(prefix));
  return Array.from({ length: PREFIX_SIZE }, (_, i) => first + i);
}
