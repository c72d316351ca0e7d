import {
  checkAddress,
  checkIpv6,
  freeAddresses,
  subnetFull,
  takeAddress,
  takeFreeAddress,
  takeFreeIpv6,
} from "./addresses.ts";
import { Ec2Error, invalidValue } from "./error.ts";
import type { Params } from "./params.ts";
import type { Subnet, World } from "./types.ts";

/** Chosen addresses, the primary first when it is chosen, and how many more are wanted. */
interface Wanted {
  readonly chosen: readonly string[];
  readonly primaryChosen: boolean;
  readonly more: number;
}

export function readAddresses(params: Params, subnet: Subnet): Wanted {
  const single = params.text("PrivateIpAddress");
  const listed = params.structures("PrivateIpAddresses");
  const count = params.integer("SecondaryPrivateIpAddressCount") ?? 0;
  if (count < 0) throw invalidValue(count, "secondaryPrivateIpAddressCount");
  if (listed.length > 0 && count > 0) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "PrivateIpAddresses and SecondaryPrivateIpAddressCount cannot be used together",
    );
  }
  const primaries = listed.filter((one) => one.flag("Primary") === true);
  if (primaries.length + (single === undefined ? 0 : 1) > 1) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "Only one primary private IP address can be specified.",
    );
  }
  const others = listed.filter((one) => !primaries.includes(one));
  const texts = [
    ...(single === undefined ? [] : [single]),
    ...[...primaries, ...others].map((one) => one.required("PrivateIpAddress")),
  ];
  const chosen = texts.map((text) => checkAddress(subnet, text, "privateIpAddress"));
  if (new Set(chosen).size < chosen.length) {
    throw new Ec2Error("InvalidParameterValue", "Duplicate private IP addresses in the request");
  }
  const primaryChosen = single !== undefined || primaries.length > 0;
  const more = count + (primaryChosen ? 0 : 1);
  if (chosen.length + more > freeAddresses(subnet)) throw subnetFull(subnet);
  return { chosen, primaryChosen, more };
}

export function takeAddresses(subnet: Subnet, { chosen, primaryChosen, more }: Wanted): string[] {
  for (const address of chosen) takeAddress(subnet, address);
  const free = Array.from({ length: more }, () => takeFreeAddress(subnet));
  return primaryChosen ? [...chosen, ...free] : [...free, ...chosen];
}

export function readIpv6(params: Params, subnet: Subnet): { chosen: readonly string[]; count: number } {
  const listed = params.structures("Ipv6Addresses").map((one) => one.required("Ipv6Address"));
  const count = params.integer("Ipv6AddressCount");
  const prefixes = params.has("Ipv6PrefixCount") || params.has("Ipv6Prefix");
  const kinds = [listed.length > 0, count !== undefined, prefixes].filter(Boolean).length;
  if (kinds > 1) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "Ipv6Addresses, Ipv6AddressCount and IPv6 prefixes cannot be used together",
    );
  }
  if (prefixes) throw new Ec2Error("UnsupportedOperation", "IPv6 prefixes are not simulated");
  if (count !== undefined && count < 0) throw invalidValue(count, "ipv6AddressCount");
  const chosen = listed.map((text) => checkIpv6(subnet, text, "ipv6Address"));
  const wanted = count ?? (listed.length === 0 && subnet.assignIpv6OnCreation ? 1 : 0);
  if (wanted > 0) needIpv6(subnet);
  return { chosen, count: wanted };
}

export function needIpv6(subnet: Subnet): void {
  if (subnet.ipv6Cidr !== undefined) return;
  throw new Ec2Error("InvalidParameterValue", `The subnet '${subnet.id}' has no IPv6 CIDR block.`);
}

export function takeIpv6(
  world: World,
  subnet: Subnet,
  wanted: { chosen: readonly string[]; count: number },
): string[] {
  for (const address of wanted.chosen) subnet.usedIpv6.add(address);
  return [...wanted.chosen, ...Array.from({ length: wanted.count }, () => takeFreeIpv6(world, subnet))];
}
