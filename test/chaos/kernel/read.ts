import { readFileSync, readdirSync } from "node:fs";
import { netnsPath } from "../../ground/netns.ts";
import { inNamespace, openNamespace } from "../../../src/netns/namespace.ts";
import { addressLine, linkLine, neighbourLine, routeLine, ruleLine, sysctlLine } from "../model/lines.ts";
import type { Family } from "../model/pool.ts";
import type { Ip } from "./ip.ts";
import { nftablesRules } from "./nftables.ts";

/** Reads a namespace with `ip -j`, a line for each thing. What follows from another thing by itself is left out. */

export async function readNode(ip: Ip): Promise<string[]> {
  return [...linesOf(await ip.list()), ...nodeSysctls(), ...nftablesRules()];
}

export async function readPod(ip: Ip, netns: string): Promise<string[]> {
  return [...linesOf(await ip.list()), ...podSysctls(netns)];
}

/** The parameters of a pod's devices that somebody may change. */
export const POD_PARAMETERS = [
  "ipv4/rp_filter",
  "ipv4/forwarding",
  "ipv6/accept_dad",
  "ipv6/accept_ra",
  "ipv6/accept_redirects",
  "ipv6/disable_ipv6",
  "ipv6/forwarding",
] as const;

function podSysctls(netns: string): string[] {
  using namespace = openNamespace(netnsPath(netns));
  return inNamespace(namespace, () =>
    sysctls(POD_PARAMETERS, (device) => !["all", "default"].includes(device)),
  );
}

const VLAN_PARAMETERS = ["ipv6/accept_ra", "ipv6/accept_redirects", "ipv6/forwarding"];

/** Of the pods' devices on the node only those that the routed datapath makes have parameters of its choice. */
function nodeSysctls(): string[] {
  return [
    sysctlLine("ipv4/tcp_early_demux", valueOf("ipv4/tcp_early_demux")),
    ...sysctls(POD_PARAMETERS, (device) => ["all", "default", "eth0", "eth1", "lo"].includes(device)),
    ...sysctls(VLAN_PARAMETERS, (device) => device.startsWith("vlan.eth.")),
  ];
}

function sysctls(parameters: readonly string[], wanted: (device: string) => boolean): string[] {
  const devices = readdirSync(`${ROOT}/ipv4/conf`).filter(wanted);
  return devices.flatMap((device) =>
    parameters.map((parameter) => {
      const key = parameter.replace("/", `/conf/${device}/`);
      return sysctlLine(key, valueOf(key));
    }),
  );
}

const ROOT = "/proc/sys/net";

export function valueOf(key: string): string {
  return readFileSync(`${ROOT}/${key}`, "latin1").trim();
}

type Item = Readonly<Record<string, unknown>>;

function linesOf(output: string): string[] {
  const [links = [], routes = [], rules4 = [], neighbours = [], rules6 = []] = output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as Item[]).filter((item) => Object.keys(item).length > 0));
  return [
    ...links.map(link),
    ...links.flatMap(addresses),
    ...routes.flatMap(route),
    ...rules4.map((item) => rule(item, 4)),
    ...rules6.map((item) => rule(item, 6)),
    ...neighbours.map((item) => neighbourLine(text(item["dev"]), text(item["dst"]), text(item["lladdr"]))),
  ];
}

function link(item: Item): string {
  const info = (item["linkinfo"] ?? {}) as { info_kind?: string; info_data?: { id?: number } };
  const kind = info.info_kind ?? text(item["link_type"]);
  return linkLine({
    name: text(item["ifname"]),
    kind,
    mac: text(item["address"]),
    mtu: Number(item["mtu"]),
    up: (item["flags"] as string[]).includes("UP"),
    ...(kind === "vlan" && {
      vlan: { id: info.info_data?.id ?? 0, on: text(item["link"] ?? `#${text(item["link_index"])}`) },
    }),
  });
}

/** What is said of an address besides: lifetimes say "for ever" in all of them. */
const OF_ADDRESS = ["family", "local", "prefixlen", "scope", "valid_life_time", "preferred_life_time"];

function addresses(item: Item): string[] {
  const device = text(item["ifname"]);
  return ((item["addr_info"] ?? []) as Item[]).flatMap((address) => {
    const local = text(address["local"]);
    if (isMade(local)) return [];
    const flags = Object.entries(address).flatMap(([name, value]) => {
      if (OF_ADDRESS.includes(name) || (name === "label" && value === device)) return [];
      return [value === true ? name : `${name} ${text(value)}`];
    });
    const cidr = `${local}/${text(address["prefixlen"])}`;
    return [addressLine({ device, address: cidr, scope: text(address["scope"]), flags: flags.sort() })];
  });
}

/** The table of what is this host's own follows its addresses, and is the kernel's to keep. */
const KEPT_BY_KERNEL = ["local", "broadcast", "anycast", "multicast"];
const OF_ROUTE = "type dst gateway via dev table protocol scope prefsrc metric flags pref".split(" ");
/** States of a device, not of the route. */
const PASSING = ["linkdown", "dead"];

function route(item: Item): string[] {
  const family: Family = item["pref"] === undefined ? 4 : 6;
  const [type, to] = [text(item["type"]), text(item["dst"])];
  if (KEPT_BY_KERNEL.includes(type) || isMade(to)) return [];
  if (to === "fe80::/64" && item["protocol"] === "kernel") return [];
  const flags = ((item["flags"] ?? []) as string[]).filter((flag) => !PASSING.includes(flag));
  const rest = Object.entries(item).filter(([name]) => !OF_ROUTE.includes(name));
  const via = (item["via"] as { host?: string } | undefined)?.host ?? item["gateway"];
  return [
    routeLine({
      family,
      table: text(item["table"] ?? "main"),
      type,
      to,
      ...(via !== undefined && { via: text(via) }),
      ...(item["dev"] !== undefined && { device: text(item["dev"]) }),
      ...(item["prefsrc"] !== undefined && { source: text(item["prefsrc"]) }),
      ...(item["metric"] !== undefined && { metric: Number(item["metric"]) }),
      protocol: text(item["protocol"]),
      scope: text(item["scope"]),
      more: [...flags, ...rest.map(([name, value]) => `${name} ${text(value)}`)],
    }),
  ];
}

const OF_RULE = "priority src srclen dst dstlen iif iif_detached ipproto table protocol".split(" ");

function rule(item: Item, family: Family): string {
  const prefix = (name: string) => {
    const address = item[name];
    if (address === undefined || address === "all") return undefined;
    const length = item[`${name}len`];
    return length === undefined ? text(address) : `${text(address)}/${text(length)}`;
  };
  const [from, to] = [prefix("src"), prefix("dst")];
  return ruleLine({
    family,
    priority: Number(item["priority"]),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(item["iif"] !== undefined && { inputDevice: text(item["iif"]) }),
    ...(item["ipproto"] !== undefined && { ipProtocol: text(item["ipproto"]) }),
    table: text(item["table"]),
    ...(item["protocol"] !== undefined && { protocol: text(item["protocol"]) }),
    more: Object.entries(item)
      .filter(([name]) => !OF_RULE.includes(name))
      .map(([name, value]) => `${name} ${text(value)}`),
  });
}

/** An address that the kernel derived from a MAC. */
function isMade(address: string): boolean {
  return /^fe80::.*ff:fe/.test(address);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "none");
}
