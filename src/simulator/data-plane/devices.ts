import { familyOf, widthOf } from "../../values/ip.ts";
import { MTU, ROUTER_V6 } from "./network.ts";
import type { Branch, Network, Port } from "./network.ts";

/** What `ip` has to say in the VPC's namespace, as data. */
export interface Devices {
  /** By device, a trunk before its branches. */
  readonly links: ReadonlyMap<string, Link>;
  /** By the line that adds it. */
  readonly entries: ReadonlyMap<string, Entry>;
}

/** An interface that has no IPv6 address of its own, on the link of its device: known to the router alone. */
const INTERFACE_V6 = "fe80:ec2::2";

interface Link {
  readonly create: string;
  readonly eni: string;
  /** The device that it is a part of, and goes with. */
  readonly parent: string | undefined;
}

/** A route, neighbour or address. */
interface Entry {
  /** What takes it along when it goes; undefined for the router's own addresses. */
  readonly device: string | undefined;
  readonly remove: string;
}

export interface DevicesOptions {
  /** Arguments of `ip link add` for a branch's device; a VLAN device unless told. */
  readonly branchType?: (branch: Branch, port: Port) => string;
  /** Process whose namespace `undefined` means. */
  readonly pid: number;
}

export function devicesOf(network: Network, options: DevicesOptions): Devices {
  const ports = [...network.ports.values()];
  const links = new Map(ports.map((port) => [port.device, linkOf(port, options)]));
  const entries = new Map<string, Entry>();
  const add = (device: string | undefined, text: string, tail = "") =>
    void entries.set(text.replace(" ", " add ") + tail, { device, remove: text.replace(" ", " del ") });
  for (const gateway of network.gateways) add(undefined, `addr ${gateway}/32 dev lo`);
  for (const port of ports) {
    const { device, mac, addresses } = port;
    // EC2 delivers by MAC and never asks: the first address has a static neighbour, and the others go to it.
    const neighbour = (address: string) =>
      add(device, `neigh ${address} dev ${device}`, ` lladdr ${mac} nud permanent`);
    for (const family of [4, 6] as const) {
      const all = addresses.filter((one) => familyOf(one) === family);
      const first = all.find((one) => !one.includes("/"));
      if (first !== undefined) add(device, `route ${asPrefix(first)} dev ${device}`);
      // Prefixes may be all that it has of IPv6.
      const via = first ?? INTERFACE_V6;
      if (all.length > 0) neighbour(via);
      for (const address of all)
        if (address !== first) add(device, `route ${asPrefix(address)} via ${via} dev ${device} onlink`);
    }
  }
  // The IPv6 twin of proxy_arp needs an entry for each address on each device that asks.
  const hosts = ports.flatMap(({ device, addresses }) =>
    addresses
      .filter((address) => familyOf(address) === 6 && !address.includes("/"))
      .map((address) => ({ device, address })),
  );
  for (const { device } of ports) {
    for (const host of hosts)
      if (host.device !== device) add(device, `neigh proxy ${host.address} dev ${device}`);
  }
  return { links, entries };
}

function linkOf(port: Port, { branchType, pid }: DevicesOptions): Link {
  const { device, mac, cable, eni } = port;
  if (cable.kind === "branch") {
    const type = branchType?.(cable, port) ?? `type vlan id ${cable.vlanId}`;
    return {
      create: `link add link ${cable.trunk} name ${device} mtu ${MTU} ${type}`,
      eni,
      parent: cable.trunk,
    };
  }
  const where = cable.netns ?? String(pid);
  return {
    create: `link add ${device} mtu ${MTU} type veth peer name ${cable.device} address ${mac} mtu ${MTU} netns ${where}`,
    eni,
    parent: undefined,
  };
}

function asPrefix(address: string): string {
  return address.includes("/") ? address : `${address}/${widthOf(familyOf(address))}`;
}

/** Batches of `ip`, in the order in which they are to run. */
export interface DevicesDifference {
  readonly removals: readonly string[];
  readonly creations: readonly string[];
  /** Devices that `creations` make. */
  readonly created: readonly string[];
  /** What brings them up, and whatever else is new. */
  readonly additions: readonly string[];
}

/** A device whose line changes, or whose parent's does, is made anew with everything that belongs to it. */
export function devicesDifference(before: Devices, after: Devices): DevicesDifference {
  const fresh = new Set<string>();
  for (const [device, { create, parent }] of after.links) {
    const isNew = before.links.get(device)?.create !== create;
    if (isNew || (parent !== undefined && fresh.has(parent))) fresh.add(device);
  }
  const goes = (device: string) => !after.links.has(device) || fresh.has(device);
  const goneLinks = [...before.links].filter(([device]) => goes(device));
  const removals = [
    ...[...before.entries]
      .filter(([line, { device }]) => !after.entries.has(line) && (device === undefined || !goes(device)))
      .map(([, { remove }]) => remove),
    // With its parent a device goes by itself.
    ...goneLinks
      .filter(([, { parent }]) => parent === undefined || !(before.links.has(parent) && goes(parent)))
      .map(([device]) => `link del ${device}`),
  ];
  const additions = [
    ...[...fresh].flatMap((device) => [
      // So that a person, and a trace, knows whose it is.
      `link set ${device} alias ${after.links.get(device)?.eni}`,
      // Before it is up: otherwise it may have an address of its own by then.
      `link set ${device} addrgenmode none`,
      `link set ${device} up`,
      `addr add ${ROUTER_V6}/64 dev ${device} nodad`,
    ]),
    ...[...after.entries]
      .filter(
        ([line, { device }]) => !before.entries.has(line) || (device !== undefined && fresh.has(device)),
      )
      .map(([line]) => line),
  ];
  return {
    removals,
    creations: [...fresh].map((device) => after.links.get(device)?.create ?? ""),
    created: [...fresh],
    additions,
  };
}
