import type { IpFamily } from "../../values/ip.ts";
import { MORE, readMore, release, take } from "./addressing.ts";
import { Ec2Error } from "./error.ts";
import { findInterface } from "./interfaces.ts";
import { changed } from "./later.ts";
import { DONE } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import type { Answer, Context, Interface, Subnet, World } from "./types.ts";

/** Of an interface that is there. */
export const ADDRESS_OPERATIONS: Operations = {
  AssignIpv6Addresses: {
    parameters: ["NetworkInterfaceId", "Ipv6AddressCount", "Ipv6Addresses", "Ipv6PrefixCount", "Ipv6Prefix"],
    required: ["NetworkInterfaceId"],
    run: assignIpv6,
  },
  UnassignIpv6Addresses: {
    parameters: ["NetworkInterfaceId", "Ipv6Addresses", "Ipv6Prefix"],
    required: ["NetworkInterfaceId"],
    run: unassignIpv6,
  },
  AssignPrivateIpAddresses: {
    parameters: [
      "NetworkInterfaceId",
      "PrivateIpAddress",
      "SecondaryPrivateIpAddressCount",
      "Ipv4PrefixCount",
      "Ipv4Prefix",
      "AllowReassignment",
    ],
    required: ["NetworkInterfaceId"],
    run: assignIpv4,
  },
  UnassignPrivateIpAddresses: {
    parameters: ["NetworkInterfaceId", "PrivateIpAddress", "Ipv4Prefix"],
    required: ["NetworkInterfaceId"],
    run: unassignIpv4,
  },
};

function subnetOf(world: World, eni: Interface): Subnet {
  const subnet = world.subnets.get(eni.subnet);
  if (subnet === undefined) throw new TypeError(`${eni.id} is in no subnet`);
  return subnet;
}

function assignIpv6(params: Params, context: Context): Answer {
  const { eni, addresses, prefixes } = assign(params, context, 6);
  return { networkInterfaceId: eni.id, assignedIpv6Addresses: addresses, assignedIpv6PrefixSet: prefixes };
}

function assignIpv4(params: Params, context: Context): Answer {
  const { eni, addresses, prefixes } = assign(params, context, 4);
  return {
    return: true,
    networkInterfaceId: eni.id,
    assignedPrivateIpAddressesSet: addresses.map((privateIpAddress) => ({ privateIpAddress })),
    assignedIpv4PrefixSet: prefixes.map((ipv4Prefix) => ({ ipv4Prefix })),
  };
}

/** An interface's addresses and prefixes of one family. */
const HELD = { 4: ["addresses", "ipv4Prefixes"], 6: ["ipv6", "ipv6Prefixes"] } as const;

interface Moved {
  readonly eni: Interface;
  readonly addresses: readonly string[];
  readonly prefixes: readonly string[];
}

function assign(params: Params, context: Context, family: IpFamily): Moved {
  const { world, effect } = context;
  const [own, blocks] = HELD[family];
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const subnet = subnetOf(world, eni);
  const wanted = readMore(params, world, subnet, family, {
    type: world.instances.get(eni.attachment?.instance ?? "")?.type,
    has: eni[own].length + eni[blocks].length,
  });
  changed(context, eni);
  const addresses = [...wanted.named, ...take(world, subnet, family, wanted)];
  eni[own] = [...eni[own], ...addresses];
  eni[blocks] = [...eni[blocks], ...wanted.prefixes];
  effect("addresses-changed", eni.id);
  return { eni, addresses, prefixes: wanted.prefixes };
}

function unassignIpv6(params: Params, context: Context): Answer {
  const { eni, addresses, prefixes } = unassign(params, context, 6);
  return {
    networkInterfaceId: eni.id,
    unassignedIpv6Addresses: addresses,
    unassignedIpv6PrefixSet: prefixes,
  };
}

function unassignIpv4(params: Params, context: Context): Answer {
  unassign(params, context, 4);
  return DONE;
}

function unassign(params: Params, context: Context, family: IpFamily): Moved {
  const { world, effect } = context;
  const [own, blocks] = HELD[family];
  const [addressName, , prefixName] = MORE[family];
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const [addresses, prefixes] = [params.list(addressName), params.list(prefixName)];
  const gone = [...addresses, ...prefixes];
  if (gone.length === 0) {
    throw new Ec2Error("MissingParameter", `The request must contain ${addressName} or ${prefixName}`);
  }
  // The primary IPv4 address stays with its interface.
  const has = [...eni[own].slice(family === 4 ? 1 : 0), ...eni[blocks]];
  const stranger = gone.find((one) => !has.includes(one));
  if (stranger !== undefined) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Address ${stranger} is not assigned to ${eni.id}, or is its primary.`,
    );
  }
  changed(context, eni);
  release(subnetOf(world, eni), gone);
  eni[own] = eni[own].filter((one) => !gone.includes(one));
  eni[blocks] = eni[blocks].filter((one) => !gone.includes(one));
  effect("addresses-changed", eni.id);
  return { eni, addresses, prefixes };
}
