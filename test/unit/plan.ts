// What both datapaths' plans are tested with: facts as the kernel gives them, and a plan as lines one would type.
import type { BranchAssignment } from "../../src/ipam/annotation.ts";
import { type Address, AddressFlag } from "../../src/netlink/route/address.ts";
import { Protocol, Scope } from "../../src/netlink/route/constants.ts";
import { type Route, anyDestination, describeRoute, newRoute } from "../../src/netlink/route/route.ts";
import { describeRule } from "../../src/netlink/route/rule.ts";
import type { PrimaryFacts } from "../../src/datapath/facts.ts";
import { type Operation, type Step, undoOf } from "../../src/datapath/operation.ts";
import { type IpFamily, type IpPrefix, parsePrefix } from "../../src/values/ip.ts";

/** Indices of devices: the pod's eth0, and the node's trunk and veth. */
export const POD = 2;
export const VETH = 9;
const VETH_MAC = "02:bb:00:00:00:01";

export const trunk = { index: 3, name: "eth1", up: true, mtu: 9001, mac: "02:00:00:00:00:11", rest: [] };
export const veth = { index: VETH, name: "eni1", up: true, mtu: 9001, mac: VETH_MAC, rest: [] };

export function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}

export function address(text: string, fields: Partial<Address> = {}): Address {
  const { address: ip, length } = prefix(text);
  const given = { index: POD, address: ip, prefixLength: length, scope: Scope.UNIVERSE, flags: 0, rest: [] };
  return { ...given, ...fields };
}

/** `10.0.9.0/24 via 10.0.9.1`. */
export function route(text: string, fields: Partial<Route> = {}): Route {
  const [destination = "", gateway] = text.split(" via ");
  const family: IpFamily = (gateway ?? destination).includes(":") ? 6 : 4;
  const to =
    destination === "default"
      ? anyDestination(family)
      : { family, destination: prefix(destination).address, length: prefix(destination).length };
  return newRoute({ ...to, device: POD, protocol: 3, ...(gateway !== undefined && { gateway }), ...fields });
}

const neighbour = (ip: string) => ({ address: ip, device: POD, state: 0x80, mac: VETH_MAC, rest: [] });
export const kernels = { protocol: Protocol.KERNEL };
export const link = { index: POD, name: "eth0", up: true, mac: "02:aa:00:00:00:01", mtu: 9001, rest: [] };

/** What aws-cni leaves in the pod, by family. */
export const aws = {
  4: {
    addresses: [address("10.0.0.50/32")],
    routes: [route("default via 169.254.1.1"), route("169.254.1.1/32")],
    permanentNeighbours: [neighbour("169.254.1.1")],
  },
  6: {
    addresses: [
      address("2001:db8:1::50/128"),
      address("fe80::aa:ff:fe00:1/64", { scope: Scope.LINK, flags: AddressFlag.PERMANENT }),
    ],
    routes: [
      route("default via fe80::1", { priority: 1024 }),
      route("fe80::1/128", { priority: 1024 }),
      route("2001:db8:1::50/128", { ...kernels, priority: 256 }),
      route("fe80::/64", { ...kernels, priority: 256 }),
    ],
    permanentNeighbours: [neighbour("fe80::1")],
  },
};

export function primaryFacts(...parts: readonly Omit<PrimaryFacts, "link">[]): PrimaryFacts {
  return {
    link,
    addresses: parts.flatMap((part) => part.addresses),
    routes: parts.flatMap((part) => part.routes),
    permanentNeighbours: parts.flatMap((part) => part.permanentNeighbours),
  };
}

const v4 = {
  family: 4,
  address: "10.0.0.20",
  prefixLength: 24,
  subnet: "10.0.0.0/24",
  gateway: "10.0.0.1",
} as const;
const v6 = {
  family: 6,
  address: "2001:db8:1::20",
  prefixLength: 128,
  subnet: "2001:db8:1::/64",
  gateway: "fe80:ec2::1",
} as const;

export type Families = readonly (4 | 6)[];

export function branchOf(families: Families): BranchAssignment {
  const addresses = families.map((family) => (family === 4 ? v4 : v6));
  return { eniId: "eni-0b", mac: "02:b1:00:00:00:07", vlanId: 7, addresses };
}

/** One line for an operation, as one would type it. */
function say(operation: Operation): string {
  const { at } = operation;
  const verb = "absent" in operation && operation.absent ? "- " : "";
  switch (operation.kind) {
    case "vlan": {
      const { name, vlanId, mac, mtu, trunk: parent } = operation.vlan;
      return `${at}: ${verb}vlan ${name} id ${vlanId} mac ${mac} mtu ${mtu} on ${parent}`;
    }
    case "link": {
      const { device, name, up, reversePathFilter: filter } = operation;
      const flags = up === undefined ? "" : up ? " up" : " down";
      const filtering = filter === undefined ? "" : ` rp_filter ${filter}`;
      return `${at}: link ${device}${name === undefined ? "" : ` name ${name}`}${flags}${filtering}`;
    }
    case "address": {
      const { address: ip, prefixLength, flags } = operation.address;
      const names = Object.entries(AddressFlag).flatMap(([flag, bit]) => ((flags & bit) === 0 ? [] : [flag]));
      return [`${at}: ${verb}addr ${ip}/${prefixLength} dev ${operation.device}`, ...names].join(" ");
    }
    case "route": {
      const by = operation.route.protocol === Protocol.KERNEL ? " (kernel's)" : "";
      const dev = operation.device === undefined ? "" : ` dev ${operation.device}`;
      return `${at}: ${verb}route ${describeRoute(operation.route)}${dev}${by}`;
    }
    case "rule":
      return `${at}: ${verb}rule ${describeRule(operation.rule)}`;
    case "neighbour": {
      const { address: ip, mac } = operation.neighbour;
      return `${at}: ${verb}neigh ${ip} mac ${mac} dev ${operation.device}`;
    }
    case "sysctl":
      return `${at}: ${operation.key}=${operation.value}${operation.optional === true ? " if there" : ""}`;
    case "hairpin": {
      const pair = operation.absent === true ? "" : ` from ${operation.from} to ${operation.to}`;
      return `${at}: ${verb}nft IPv${operation.family} ${operation.table}${pair}`;
    }
    case "dad":
      return `${at}: wait for ${operation.address}`;
  }
}

export const done = (steps: readonly Step[]) => steps.map((step) => say(step.do));
export const undone = (steps: readonly Step[]) => undoOf(steps).map(say);
