// What a namespace holds, read in process: some milliseconds where iproute2 takes a second in the guest, so that it can
// be looked at after every fault. It reads with the codec under test; each file compares iproute2's snapshots once, too.
import { readFileSync, readdirSync } from "node:fs";
import { decodeAddress, isIpAddress, listAddresses } from "../../../src/netlink/route/address.ts";
import { decodeLink, listLinks } from "../../../src/netlink/route/link.ts";
import { decodeNeighbour, listNeighbours } from "../../../src/netlink/route/neighbour.ts";
import { decodeRoute, listRoutes } from "../../../src/netlink/route/route.ts";
import { decodeRule, listRules } from "../../../src/netlink/route/rule.ts";
import { NetlinkSocket } from "../../../src/netlink/socket.ts";
import { inNamespace, openNamespace, openOwnNamespace } from "../../../src/netns/namespace.ts";

/** One line for each thing there is, sorted. */
export type View = readonly string[];

const PERMANENT = 0x80;
const LOCAL = 255;
const UNICAST_TO_PROHIBIT = [1, 2, 3, 6, 7, 8];
const switches = {
  ipv4: ["rp_filter", "arp_ignore", "arp_announce", "proxy_arp", "forwarding", "accept_local"],
  ipv6: [
    "disable_ipv6",
    "accept_ra",
    "accept_dad",
    "keep_addr_on_down",
    "autoconf",
    "addr_gen_mode",
    "accept_redirects",
  ],
};

/** The namespace at a path, or the caller's own. */
export function viewOf(path?: string): View {
  using namespace = path === undefined ? openOwnNamespace() : openNamespace(path);
  return inNamespace(namespace, () => read());
}

function read(): string[] {
  using socket = new NetlinkSocket();
  const list = (request: Parameters<NetlinkSocket["dump"]>[0]) =>
    socket.dump(request).map(({ payload }) => payload);
  const links = list(listLinks()).map(decodeLink);
  const nameOf = (index: number | undefined) =>
    links.find((link) => link.index === index)?.name ?? index ?? "-";
  const families = [4, 6] as const;
  return [
    ...links.map(({ name, mac, mtu, kind, up, vlan }) => {
      return `link ${name} ${mac} mtu ${mtu} ${kind ?? "hardware"} ${vlan?.id ?? ""} ${up ? "up" : "down"}`;
    }),
    ...list(listAddresses(0))
      .filter(isIpAddress)
      .map(decodeAddress)
      .filter(({ address }) => !isAutomatic(address))
      .map(({ index, address, prefixLength, scope, flags }) => {
        // Whether an address is without a route for its prefix; the other flags are its state.
        const rest = `scope ${scope}${(flags & 0x200) === 0 ? "" : " noprefixroute"}`;
        return `address ${address}/${prefixLength} dev ${nameOf(index)} ${rest}`;
      }),
    ...families
      .flatMap((family) => list(listRoutes(family)).flatMap((payload) => decodeRoute(payload) ?? []))
      .filter(({ family, type, destination, length, protocol, table }) => {
        if (isAutomatic(destination) || !UNICAST_TO_PROHIBIT.includes(type)) return false;
        // The kernel adds an IPv6 address's own route to table local some moments after the address.
        if (family === 6 && table === LOCAL && protocol === 2) return false;
        return !(destination === "fe80::" && length === 64 && protocol === 2);
      })
      .map(({ device, ...route }) => `route ${JSON.stringify({ ...route, device: nameOf(device) })}`),
    ...families.flatMap((family) =>
      list(listRules(family)).flatMap((payload) => {
        const { rest: _, ...rule } = decodeRule(payload) ?? { rest: [] };
        return `rule ${JSON.stringify(rule)}`;
      }),
    ),
    ...list(listNeighbours(0)).flatMap((payload) => {
      const neighbour = decodeNeighbour(payload);
      if (neighbour === undefined || (neighbour.state & PERMANENT) === 0) return [];
      return [`neighbour ${neighbour.address} ${neighbour.mac} dev ${nameOf(neighbour.device)}`];
    }),
    ...sysctls(),
  ].sort();
}

/** Devices come and go with the pods of others: whoever wants to compare sorts them out by name. */
function sysctls(): string[] {
  return (["ipv4", "ipv6"] as const).flatMap((family) => {
    const directory = `/proc/sys/net/${family}/conf`;
    return readdirSync(directory).flatMap((device) =>
      switches[family].map((parameter) => {
        const value = readFileSync(`${directory}/${device}/${parameter}`, "latin1").trim();
        return `sysctl ${family}/conf/${device}/${parameter} ${value}`;
      }),
    );
  });
}

/** Made by the kernel of a MAC. */
function isAutomatic(address: string): boolean {
  return /^fe80::.*ff:fe/.test(address);
}

/** What differs, one line each: `- …` was there before only, `+ …` is there after only. */
export function changes(before: View, after: View): string[] {
  return [
    ...lacking(before, after).map((line) => `- ${line}`),
    ...lacking(after, before).map((line) => `+ ${line}`),
  ];
}

function lacking(all: View, others: View): string[] {
  const rest = new Map<string, number>();
  for (const line of others) rest.set(line, (rest.get(line) ?? 0) + 1);
  return all.filter((line) => {
    const left = rest.get(line) ?? 0;
    rest.set(line, left - 1);
    return left <= 0;
  });
}
