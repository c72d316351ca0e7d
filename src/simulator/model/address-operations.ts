import { checkAddress, freeAddresses, releaseAddress, subnetFull } from "./addresses.ts";
import { needIpv6, readIpv6, takeAddresses, takeIpv6 } from "./addressing.ts";
import { Ec2Error } from "./error.ts";
import { instanceTypes } from "./instance-types.ts";
import { findInterface } from "./interfaces.ts";
import { changed } from "./later.ts";
import { DONE } from "./operation.ts";
import type { Operations } from "./operation.ts";
import type { Params } from "./params.ts";
import type { Answer, Context, Interface, Subnet, World } from "./types.ts";

/** Of an interface that is there. */
export const ADDRESS_OPERATIONS: Operations = {
  AssignIpv6Addresses: {
    parameters: ["NetworkInterfaceId", "Ipv6AddressCount", "Ipv6Addresses"],
    required: ["NetworkInterfaceId"],
    run: assignIpv6,
  },
  UnassignIpv6Addresses: {
    parameters: ["NetworkInterfaceId", "Ipv6Addresses"],
    required: ["NetworkInterfaceId"],
    run: unassignIpv6,
  },
  AssignPrivateIpAddresses: {
    parameters: [
      "NetworkInterfaceId",
      "PrivateIpAddress",
      "SecondaryPrivateIpAddressCount",
      "AllowReassignment",
    ],
    required: ["NetworkInterfaceId"],
    run: assignIpv4,
  },
  UnassignPrivateIpAddresses: {
    parameters: ["NetworkInterfaceId", "PrivateIpAddress"],
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
  const { world, effect } = context;
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const subnet = subnetOf(world, eni);
  needIpv6(subnet);
  const wanted = readIpv6(params, { ...subnet, assignIpv6OnCreation: false });
  if (wanted.chosen.length + wanted.count === 0) {
    throw new Ec2Error("MissingParameter", "The request must contain Ipv6Addresses or Ipv6AddressCount");
  }
  changed(context, eni);
  const taken = takeIpv6(world, subnet, wanted);
  eni.ipv6 = [...eni.ipv6, ...taken];
  effect("addresses-changed", eni.id);
  return { networkInterfaceId: eni.id, assignedIpv6Addresses: taken };
}

function unassignIpv6(params: Params, context: Context): Answer {
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const gone = takeBack(context, eni, eni.ipv6, params.list("Ipv6Addresses"));
  eni.ipv6 = eni.ipv6.filter((address) => !gone.includes(address));
  return { networkInterfaceId: eni.id, unassignedIpv6Addresses: gone };
}

function assignIpv4(params: Params, context: Context): Answer {
  const { world, effect } = context;
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const subnet = subnetOf(world, eni);
  const listed = params.list("PrivateIpAddress");
  const count = params.integer("SecondaryPrivateIpAddressCount") ?? 0;
  if (count < 0 || listed.length > 0 === count > 0) {
    throw new Ec2Error(
      "InvalidParameterCombination",
      "Either PrivateIpAddress or SecondaryPrivateIpAddressCount must be specified",
    );
  }
  const chosen = [...new Set(listed)].map((text) => checkAddress(subnet, text, "privateIpAddress"));
  if (chosen.length + count > freeAddresses(subnet)) throw subnetFull(subnet);
  const instance = world.instances.get(eni.attachment?.instance ?? "");
  const most = instanceTypes().get(instance?.type ?? "")?.ipv4PerInterface;
  if (most !== undefined && eni.addresses.length + chosen.length + count > most) {
    throw new Ec2Error(
      "PrivateIpAddressLimitExceeded",
      `Number of private addresses will exceed limit: ${most}`,
    );
  }
  changed(context, eni);
  const taken = takeAddresses(subnet, { chosen, primaryChosen: true, more: count });
  eni.addresses = [...eni.addresses, ...taken];
  effect("addresses-changed", eni.id);
  return {
    return: true,
    networkInterfaceId: eni.id,
    assignedPrivateIpAddressesSet: taken.map((privateIpAddress) => ({ privateIpAddress })),
  };
}

function unassignIpv4(params: Params, context: Context): Answer {
  const eni = findInterface(context, params.required("NetworkInterfaceId"));
  const gone = takeBack(context, eni, eni.addresses.slice(1), params.list("PrivateIpAddress"));
  eni.addresses = eni.addresses.filter((address) => !gone.includes(address));
  return DONE;
}

function takeBack(
  context: Context,
  eni: Interface,
  has: readonly string[],
  listed: readonly string[],
): string[] {
  if (listed.length === 0) throw new Ec2Error("MissingParameter", "The request must contain the addresses");
  const stranger = listed.find((address) => !has.includes(address));
  if (stranger !== undefined) {
    throw new Ec2Error(
      "InvalidParameterValue",
      `Address ${stranger} is not assigned to ${eni.id}, or is its primary.`,
    );
  }
  changed(context, eni);
  const subnet = subnetOf(context.world, eni);
  for (const address of listed) releaseAddress(subnet, address);
  context.effect("addresses-changed", eni.id);
  return [...listed];
}
