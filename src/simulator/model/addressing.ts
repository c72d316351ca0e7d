import type { IpFamily } from "../../values/ip.ts";
import {
  checkAddress,
  checkIpv6,
  freeAddresses,
  releaseAddress,
  subnetFull,
  takeAddress,
  takeFreeAddress,
  takeFreeIpv6,
} from "./addresses.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import { instanceTypes } from "../../values/instance-types.ts";
import type { Params } from "./params.ts";
import { PREFIX_SIZE, choosePrefixes, releasePrefix, takePrefix } from "./prefixes.ts";
import type { Interface, Subnet, World } from "./types.ts";

/** What a request says of one family: what it names, and how many more EC2 is to choose. */
interface Request {
  readonly addresses: readonly string[];
  readonly count: number;
  readonly prefixes: readonly string[];
  readonly prefixCount: number;
}

/** What is there to be taken: named addresses, how many more, and prefixes, chosen already. */
export interface Wanted {
  readonly named: readonly string[];
  readonly more: number;
  readonly prefixes: readonly string[];
}

/** Of an interface that is to be made. */
export interface WantedOfNew {
  readonly ipv4: Wanted;
  /** Whether the first of the named is the primary; else the first that EC2 chooses. */
  readonly primaryNamed: boolean;
  readonly ipv6: Wanted;
}

/** What bounds an interface's addresses and prefixes of one family: the type of its instance, and what it has already. */
export interface Bound {
  readonly type: string | undefined;
  readonly has: number;
}

export type Addresses = Pick<Interface, "addresses" | "ipv6" | "ipv4Prefixes" | "ipv6Prefixes">;

/** Throws unless the subnet has what the parameters of a new interface want. Changes nothing. */
export function readNew(params: Params, world: World, subnet: Subnet, type?: string): WantedOfNew {
  exclusive(params, "PrivateIpAddresses", "SecondaryPrivateIpAddressCount", "Ipv4Prefix", "Ipv4PrefixCount");
  exclusive(params, "Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefix", "Ipv6PrefixCount");
  const single = params.text("PrivateIpAddress");
  const listed = params.structures("PrivateIpAddresses");
  const primaries = listed.filter((one) => one.flag("Primary") === true);
  if (primaries.length + (single === undefined ? 0 : 1) > 1) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "Only one primary private IP address can be specified.",
    );
  }
  const primaryNamed = single !== undefined || primaries.length > 0;
  const others = listed.filter((one) => !primaries.includes(one));
  const ipv4 = {
    addresses: [
      ...(single === undefined ? [] : [single]),
      ...[...primaries, ...others].map((one) => one.required("PrivateIpAddress")),
    ],
    count: countOf(params, "SecondaryPrivateIpAddressCount") + (primaryNamed ? 0 : 1),
    prefixes: params.structures("Ipv4Prefix").map((one) => one.required("Ipv4Prefix")),
    prefixCount: countOf(params, "Ipv4PrefixCount"),
  };
  const ipv6 = {
    addresses: params.structures("Ipv6Addresses").map((one) => one.required("Ipv6Address")),
    count: countOf(params, "Ipv6AddressCount"),
    prefixes: params.structures("Ipv6Prefix").map((one) => one.required("Ipv6Prefix")),
    prefixCount: countOf(params, "Ipv6PrefixCount"),
  };
  // What a request says of IPv6, be it a count of 0, replaces what the subnet says.
  const isSaid = Object.keys(params.tree).some((name) => name.startsWith("Ipv6"));
  const bySubnet = !isSaid && subnet.assignIpv6OnCreation;
  const bound = { type, has: 0 };
  return {
    ipv4: plan(world, subnet, 4, ipv4, bound),
    primaryNamed,
    ipv6: plan(world, subnet, 6, bySubnet ? { ...ipv6, count: 1 } : ipv6, bound),
  };
}

/** The names of one family's parameters of an operation on an interface that is there. */
export const MORE = {
  4: ["PrivateIpAddress", "SecondaryPrivateIpAddressCount", "Ipv4Prefix", "Ipv4PrefixCount"],
  6: ["Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefix", "Ipv6PrefixCount"],
} as const;

/** As readNew, of what an interface that is there is to have besides. */
export function readMore(
  params: Params,
  world: World,
  subnet: Subnet,
  family: IpFamily,
  bound: Bound,
): Wanted {
  const [addresses, count, prefixes, prefixCount] = MORE[family];
  exclusive(params, addresses, count);
  exclusive(params, prefixes, prefixCount);
  const request = {
    addresses: params.list(addresses),
    count: countOf(params, count),
    prefixes: params.list(prefixes),
    prefixCount: countOf(params, prefixCount),
  };
  if (amountOf(request) > 0) return plan(world, subnet, family, request, bound);
  throw new Ec2Error("MissingParameter", `The request must contain one of ${MORE[family].join(", ")}`);
}

function exclusive(params: Params, ...names: readonly string[]): void {
  const given = names.filter((name) => params.has(name) && params.tree[name] !== "");
  if (given.length < 2) return;
  throw new Ec2Error("InvalidParameterCombination", `${given.join(" and ")} cannot be used together`);
}

function countOf(params: Params, name: string): number {
  const count = params.integer(name) ?? 0;
  if (count < 0) throw invalidValue(count, name);
  return count;
}

function plan(world: World, subnet: Subnet, family: IpFamily, request: Request, bound: Bound): Wanted {
  const { addresses, count, prefixes, prefixCount } = request;
  const amount = amountOf(request);
  if (family === 6 && amount > 0 && subnet.ipv6Cidr === undefined) {
    throw new Ec2Error("InvalidParameterValue", `The subnet '${subnet.id}' has no IPv6 CIDR block.`);
  }
  checkLimit(bound.type, bound.has + amount);
  const named = addresses.map((text) =>
    family === 4 ? checkAddress(subnet, text, "privateIpAddress") : checkIpv6(subnet, text, "ipv6Address"),
  );
  if (new Set(named).size < named.length) {
    throw new Ec2Error("InvalidParameterValue", "Duplicate IP addresses in the request");
  }
  const blocks = prefixes.length + prefixCount;
  if (family === 4 && named.length + count + blocks * PREFIX_SIZE > freeAddresses(subnet)) {
    if (blocks === 0) throw subnetFull(subnet);
    throw new Ec2Error(
      "InvalidParameterValue",
      "There aren't sufficient free Ipv4 addresses or prefixes in the subnet",
    );
  }
  const choice = { named: prefixes, count: prefixCount, beside: named };
  return { named, more: count, prefixes: choosePrefixes(world, subnet, family, choice) };
}

/** Each prefix counts as one address. */
function amountOf({ addresses, count, prefixes, prefixCount }: Request): number {
  return addresses.length + count + prefixes.length + prefixCount;
}

/** Throws when an interface is to have more addresses and prefixes of one family than the type of its instance allows. */
export function checkLimit(type: string | undefined, amount: number): void {
  const types = instanceTypes();
  // Of an unattached interface nobody knows the instance yet: no type has more than the largest.
  const most =
    types.get(type ?? "")?.ipv4PerInterface ??
    Math.max(...[...types.values()].map(({ ipv4PerInterface }) => ipv4PerInterface));
  if (amount <= most) return;
  throw new Ec2Error(
    "PrivateIpAddressLimitExceeded",
    `Number of private addresses will exceed limit: ${most}`,
  );
}

/** Takes what was read of the same subnet. */
export function takeNew(world: World, subnet: Subnet, { ipv4, primaryNamed, ipv6 }: WantedOfNew): Addresses {
  const first = take(world, subnet, 4, ipv4);
  return {
    addresses: primaryNamed ? [...ipv4.named, ...first] : [...first, ...ipv4.named],
    ipv6: [...ipv6.named, ...take(world, subnet, 6, ipv6)],
    ipv4Prefixes: [...ipv4.prefixes],
    ipv6Prefixes: [...ipv6.prefixes],
  };
}

/** Takes what was read of the same subnet, and tells which addresses EC2 has chosen. */
export function take(world: World, subnet: Subnet, family: IpFamily, wanted: Wanted): string[] {
  for (const prefix of wanted.prefixes) takePrefix(subnet, prefix);
  for (const address of wanted.named) takeAddress(subnet, address);
  return Array.from({ length: wanted.more }, () =>
    family === 4 ? takeFreeAddress(subnet) : takeFreeIpv6(world, subnet),
  );
}

/** All that is delivered to an interface, the primary address of a family before its others. */
export function allOf({ addresses, ipv6, ipv4Prefixes, ipv6Prefixes }: Addresses): string[] {
  return [...addresses, ...ipv6, ...ipv4Prefixes, ...ipv6Prefixes];
}

/** Gives addresses and prefixes back. */
export function release(subnet: Subnet, gone: readonly string[]): void {
  for (const one of gone) {
    if (one.includes("/")) releasePrefix(subnet, one);
    else releaseAddress(subnet, one);
  }
}
