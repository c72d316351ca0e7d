// A namespace's whole network state as sorted, readable lines, so that "as before" is one comparison.
import { ipJson, ipJsonBatch, mustExec, type IpObject, type Netns } from "./netns.ts";
import { sleep } from "./run.ts";

/** Lines by section; what changes by itself (counters, indexes, lifetimes, DAD) is left out. */
export type Snapshot = Readonly<Record<Section, readonly string[]>>;

const sections = ["link", "addr", "route", "rule", "neigh", "nft", "sysctl"] as const;
type Section = (typeof sections)[number];

interface Link extends IpObject {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly link?: string;
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly id?: number } };
  readonly addr_info?: readonly Address[];
}

interface Address extends IpObject {
  readonly local: string;
  readonly prefixlen: number;
}

interface Route extends IpObject {
  readonly type?: string;
  readonly dst: string;
  readonly protocol?: string;
  readonly flags?: readonly string[];
  readonly pref?: string;
}

/** Reads links, addresses, routes of all tables, rules, permanent neighbours, the plugin's nftables and sysctls of a namespace. */
export async function snapshot(netns?: Netns): Promise<Snapshot> {
  // Starting processes is what costs in the guest: one lists both families where it can.
  const both = ["addr show", "route show table all", "neigh show nud permanent", "rule show"];
  const [[links = [], routes = [], neighbours = [], rules4 = []], rules6, nft, sysctl] = await Promise.all([
    ipJsonBatch(netns, undefined, both),
    ipJson(netns, "-6", "rule", "show"),
    tables(netns),
    sysctls(netns),
  ]);
  return {
    link: (links as Link[]).map(linkLine).sort(),
    addr: (links as Link[]).flatMap(addressLines).sort(),
    route: (routes as Route[]).flatMap(routeLines).sort(),
    rule: [...rules4.map((rule) => ruleLine(rule, 4)), ...rules6.map((rule) => ruleLine(rule, 6))].sort(),
    neigh: neighbours.map((neighbour) => fields(neighbour, ["dst", "dev", "lladdr"])).sort(),
    nft,
    sysctl,
  };
}

/** What differs, one line each: `- route …` was there before only, `+ route …` is there after only. */
export function diffSnapshots(before: Snapshot, after: Snapshot): string[] {
  return sections.flatMap((section) => [
    ...without(before[section], after[section]).map((line) => `- ${section} ${line}`),
    ...without(after[section], before[section]).map((line) => `+ ${section} ${line}`),
  ]);
}

/**
 * Waits until a namespace is as it was, and throws with the differences that remain. The kernel takes the
 * devices of a deleted namespace away a moment after its name.
 */
export async function settled(netns: Netns, before: Snapshot, timeout = 10_000): Promise<void> {
  const end = Date.now() + timeout;
  for (;;) {
    const differences = diffSnapshots(before, await snapshot(netns));
    if (differences.length === 0) return;
    if (Date.now() > end) throw new Error(`not as before:\n${differences.join("\n")}`);
    await sleep(100);
  }
}

/** The lines of `all` that `others` lacks; the same line twice counts twice. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const rest = new Map<string, number>();
  for (const line of others) rest.set(line, (rest.get(line) ?? 0) + 1);
  return all.filter((line) => {
    const left = rest.get(line) ?? 0;
    rest.set(line, left - 1);
    return left <= 0;
  });
}

function linkLine(link: Link): string {
  const info = link.linkinfo ?? {};
  // A veth's peer and a VLAN's parent in another namespace are known by index only, which is nobody's business.
  const vlan =
    info.info_kind === "vlan" ? ` parent=${link.link ?? "elsewhere"} id=${info.info_data?.id ?? "none"}` : "";
  const up = link.flags.includes("UP") ? "up" : "down";
  return `${fields(link, ["ifname", "address", "mtu", "master"])} kind=${info.info_kind ?? "none"}${vlan} ${up}`;
}

function addressLines(link: Link): string[] {
  return (link.addr_info ?? [])
    .filter((address) => !isAutomatic(address.local))
    .map((address) => {
      const rest = fields(address, ["scope", "label", "noprefixroute"]);
      return `${link.ifname} ${address.local}/${address.prefixlen} ${rest}`;
    });
}

const routeFields =
  "dst from gateway via dev table protocol scope prefsrc metric nexthops metrics mtu advmss".split(" ");

function routeLines(route: Route): string[] {
  const { type = "unicast", dst, pref } = route;
  // "default" is a destination of both; a router's preference is IPv6's.
  const family = pref === undefined ? 4 : 6;
  // The kernel adds these by itself, for IPv6 some time after a device came up.
  if (type === "multicast" || type === "anycast" || isAutomatic(dst)) return [];
  if (dst === "fe80::/64" && route.protocol === "kernel") return [];
  const onlink = route.flags?.includes("onlink") === true ? " onlink" : "";
  return [`${family} ${type} ${fields(route, routeFields)}${onlink}`];
}

function ruleLine(rule: IpObject, family: number): string {
  return `${family} ${fields(rule, Object.keys(rule))}`;
}

/** An address that the kernel derived from a MAC. */
function isAutomatic(address: string): boolean {
  return /^fe80::.*ff:fe/.test(address);
}

function fields(item: IpObject, names: readonly string[]): string {
  return names
    .filter((name) => item[name] !== undefined)
    .map((name) => `${name}=${text(item[name])}`)
    .join(" ");
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The tables of nftables that the plugin made: all others are somebody else's. */
async function tables(netns: Netns): Promise<string[]> {
  const { stdout } = await mustExec(netns, ["nft", "list", "tables"]);
  return stdout
    .split("\n")
    .filter((line) => / branchline-/.test(line))
    .sort();
}

const v4Switches =
  "rp_filter arp_filter arp_ignore arp_announce arp_notify proxy_arp forwarding accept_redirects send_redirects accept_local route_localnet src_valid_mark";
const v6Switches =
  "disable_ipv6 accept_ra accept_dad dad_transmits accept_redirects forwarding keep_addr_on_down ndisc_notify proxy_ndp autoconf addr_gen_mode";

async function sysctls(netns: Netns): Promise<string[]> {
  const files = [
    "ipv4/ip_forward",
    "ipv4/tcp_early_demux",
    ...v4Switches.split(" ").map((name) => `ipv4/conf/*/${name}`),
    ...v6Switches.split(" ").map((name) => `ipv6/conf/*/${name}`),
  ];
  // One grep reads them all; it complains of what a kernel lacks and of stable_secret's like, which is fine.
  const { stdout } = await mustExec(netns, [
    "sh",
    "-c",
    `cd /proc/sys/net && grep -Hs . ${files.join(" ")} || true`,
  ]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(":", "="))
    .sort();
}
