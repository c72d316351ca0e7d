// What the routed datapath is held against: the node's and the pod's network as iproute2 prints it, as data.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ipJson, ipJsonBatch, type Netns } from "../../ground/index.ts";
import type { Ground, Sandbox } from "./sandbox.ts";

export type Family = 4 | 6;
export type Mode = "strict" | "standard";

/** The two families' B, its gateway, and what the stand-in for aws-cni gives the pod. */
export const B = { 4: "10.0.0.20", 6: "2001:db8:1::20" } as const;
export const P = { 4: "10.0.0.50", 6: "2001:db8:1::50" } as const;
export const vpcGateway = { 4: "10.0.0.1", 6: "fe80:ec2::1" } as const;
export const podGateway = { 4: "169.254.1.1", 6: "fe80::1" } as const;

export function routed(mode: Mode, more: Readonly<Record<string, unknown>> = {}) {
  return { datapath: "routed", podSGEnforcingMode: mode, serviceCIDRs: undefined, ...more };
}

/** One family's network, a line for each thing, with those fields that say what it does. */
export interface Network {
  /** In the order in which they are asked. */
  readonly rules: readonly string[];
  /** By table, sorted; without what the kernel adds for link-local addresses. */
  readonly routes: (table: string) => string[];
  /** Permanent ones. */
  readonly neighbours: readonly string[];
}

/** Both families, for the price of two processes: those are what costs in the guest. */
export async function networkOf(netns: Netns): Promise<Record<Family, Network>> {
  const [four, six] = await Promise.all([familyOf(netns, 4), familyOf(netns, 6)]);
  return { 4: four, 6: six };
}

/** What iproute2 prints for one thing: its fields here are texts and numbers. */
type Item = Readonly<Record<string, string | number | undefined>>;

async function familyOf(netns: Netns, family: Family): Promise<Network> {
  const [rules = [], routes = [], neighbours = []] = await ipJsonBatch<Item>(netns, `-${family}`, [
    "rule show",
    "route show table all",
    "neigh show nud permanent",
  ]);
  return {
    rules: rules.map(ruleLine),
    routes: (table) =>
      routes
        .filter(
          (route) =>
            (route["table"] ?? "main") === table &&
            !(route["dst"] === "fe80::/64" && route["protocol"] === "kernel"),
        )
        .map((route) => say(route, ["type", "dst", "gateway", "dev", "prefsrc", "scope"]))
        .sort(),
    neighbours: neighbours.map((neighbour) => say(neighbour, ["dst", "lladdr", "dev"])),
  };
}

export async function rulesOf(netns: Netns, family: Family): Promise<readonly string[]> {
  return (await networkOf(netns))[family].rules;
}

function ruleLine(rule: Item): string {
  const field = (name: string, length = "") =>
    rule[name] === undefined || rule[name] === "all"
      ? []
      : [`${name}=${rule[name]}${rule[length] === undefined ? "" : `/${rule[length]}`}`];
  return [
    `${rule["priority"]}:`,
    ...field("src", "srclen"),
    ...field("dst", "dstlen"),
    ...["iif", "ipproto", "fwmark"].flatMap((name) => field(name)),
    `lookup ${rule["table"]}`,
  ].join(" ");
}

export interface ListedLink {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly link?: string;
  readonly flags: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly id?: number } };
}

export async function linkOf(netns: Netns, name: string): Promise<ListedLink | undefined> {
  const links = await ipJson<ListedLink>(netns, "link", "show");
  return links.find(({ ifname }) => ifname === name);
}

interface ListedAddress {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly tentative?: boolean;
  readonly dadfailed?: boolean;
}

/** The global addresses of a device. */
export async function addressesOf(netns: Netns, device: string): Promise<ListedAddress[]> {
  const [link] = await ipJson<{ addr_info: ListedAddress[] }>(netns, "addr", "show", "dev", device);
  return (link?.addr_info ?? []).filter(({ scope }) => scope === "global");
}

export function vethOf(sandbox: Sandbox): string {
  const name = sandbox.primaryResult.interfaces?.[0]?.name;
  if (name === undefined) throw new Error(`no primary ran for ${sandbox.name}`);
  return name;
}

/** The plugin's log, a line each. */
export function logOf({ scratch }: Ground): { level: string; message: string }[] {
  let text: string;
  try {
    text = readFileSync(path.join(scratch, "branchline.log"), "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { level, msg, message } = JSON.parse(line) as { level: string; msg?: string; message?: string };
      return { level, message: msg ?? message ?? "" };
    });
}

function say(item: Item, keys: readonly string[]): string {
  return keys.flatMap((key) => (item[key] === undefined ? [] : [`${key}=${item[key]}`])).join(" ");
}
