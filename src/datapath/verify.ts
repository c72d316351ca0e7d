import { type IpFamily, formatPrefix } from "../values/ip.ts";
import type { Masquerade } from "../netlink/netfilter/masquerade.ts";
import type { Address } from "../netlink/route/address.ts";
import { Table } from "../netlink/route/constants.ts";
import { type Link, reversePathFilterOf } from "../netlink/route/link.ts";
import type { Neighbour } from "../netlink/route/neighbour.ts";
import { type Route, describeRoute, isRefusal } from "../netlink/route/route.ts";
import { type ListedRule, type Rule, describeRule } from "../netlink/route/rule.ts";
import { isHairpin } from "./hairpin.ts";
import type { Kernel } from "./kernel.ts";
import { isWide } from "./other-defaults.ts";
import type { Device, Operation, Netns, Step } from "./operation.ts";
import { readAddresses, readPermanentNeighbours, readRoutes, readRules } from "./read.ts";

/** What plugins later in the chain say about the pod, by the chain's result. */
export interface LaterPlugins {
  /** Bytes. Undefined when they do not say: they may still have changed it, as tuning does. */
  readonly mtu?: number;
}

/**
 * Compares the kernel's state with what the steps made. Returns one line for each difference: where, what, the value
 * wanted and the value found. In the pod only that counts which its groups and its reachability depend on: a later
 * plugin of the chain may have changed MTU and sysctls there (SPEC 1.1.0, CHECK). With IPv6 switched off the address is
 * missing, which is a difference.
 */
export function verify(kernel: Kernel, steps: readonly Step[], later: LaterPlugins = {}): string[] {
  return [...new Set(differences(kernel, steps, later).map(({ text }) => text))];
}

/** An operation whose effect is not there. */
export interface Difference {
  /** With its device under the last name. */
  readonly operation: Operation;
  /** The line that verify returns. */
  readonly text: string;
  /** Of a route: another one is in its place, or beside it. */
  readonly hasRival: boolean;
}

/** As verify, with the operation of each line. */
export function differences(
  kernel: Kernel,
  steps: readonly Step[],
  later: LaterPlugins = {},
): readonly Difference[] {
  const view = new KernelView(kernel, later);
  const all = lasting(steps);
  return all.flatMap((operation) => {
    const found = differ(view, operation, all);
    if (found === undefined) return [];
    const { text, hasRival } = typeof found === "string" ? { text: found, hasRival: false } : found;
    return [{ operation, text: `${nameOf(operation.at)}: ${text}`, hasRival }];
  });
}

/** What is to be there after the steps: all that they make, with devices under their last names. */
export function lasting(steps: readonly Step[]): readonly Operation[] {
  const done = steps.map((step) => step.do).filter((operation) => !("absent" in operation));
  return done.map((operation) => underLastName(operation, done));
}

/** Devices are looked up by their last name. */
function underLastName(operation: Operation, all: readonly Operation[]): Operation {
  const lastName = (name: string): string => {
    const renamed = all.find(
      (other) => other.kind === "link" && other.at === operation.at && other.device === name,
    );
    return renamed?.kind === "link" ? (renamed.name ?? name) : name;
  };
  if (operation.kind === "vlan") {
    return { ...operation, vlan: { ...operation.vlan, name: lastName(operation.vlan.name) } };
  }
  if (!("device" in operation) || typeof operation.device !== "string") return operation;
  return { ...operation, device: lastName(operation.device) };
}

/** Keeps what was read for the other comparisons of the same CHECK. */
class KernelView {
  readonly later: LaterPlugins;
  readonly #kernel: Kernel;
  readonly #cache = new Map<string, unknown>();

  constructor(kernel: Kernel, later: LaterPlugins) {
    this.#kernel = kernel;
    this.later = later;
  }

  link(at: Netns, device: Device): Link | undefined {
    return this.#once(`link ${at} ${device}`, () => this.#kernel.link(at, device));
  }

  addresses(at: Netns, index: number): Address[] {
    return this.#once(`addresses ${at} ${index}`, () => readAddresses(this.#kernel, at, index));
  }

  routes(at: Netns, family: IpFamily, table: number): Route[] {
    return this.#once(`routes ${at} ${family} ${table}`, () => readRoutes(this.#kernel, at, family, table));
  }

  rules(at: Netns, family: IpFamily): ListedRule[] {
    return this.#once(`rules ${at} ${family}`, () => readRules(this.#kernel, at, family));
  }

  permanentNeighbours(at: Netns, device: number): Neighbour[] {
    return this.#once(`neighbours ${at} ${device}`, () => readPermanentNeighbours(this.#kernel, at, device));
  }

  sysctl(at: Netns, key: string): string | undefined {
    return this.#once(`sysctl ${at} ${key}`, () => this.#kernel.readSysctl(at, key));
  }

  isHairpin(hairpin: Masquerade): boolean | undefined {
    return this.#once(`hairpin ${hairpin.family} ${hairpin.table}`, () => isHairpin(this.#kernel, hairpin));
  }

  #once<T>(key: string, read: () => T): T {
    if (!this.#cache.has(key)) this.#cache.set(key, read());
    return this.#cache.get(key) as T;
  }
}

type Found = string | Omit<Difference, "operation">;

function differ(view: KernelView, operation: Operation, all: readonly Operation[]): Found | undefined {
  switch (operation.kind) {
    case "vlan":
      return differentVlan(view, operation);
    case "link":
      return isLast(operation, all) ? differentLink(view, merged(operation, all)) : undefined;
    case "address":
      return differentAddress(view, operation);
    case "route":
      return differentRoute(view, operation);
    case "rule":
      return differentRule(view, operation);
    case "neighbour":
      return differentNeighbour(view, operation);
    case "hairpin":
      return operation.absent === true ? undefined : differentHairpin(view, operation);
    case "sysctl":
      return operation.at === "pod" ? undefined : differentSysctl(view, operation);
    case "dad":
      return undefined;
  }
}

type Of<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;

function differentVlan(view: KernelView, { at, vlan }: Of<"vlan">): string | undefined {
  const link = view.link(at, vlan.name);
  if (link === undefined) return `device ${vlan.name} is missing`;
  if (link.vlan === undefined)
    return `device ${vlan.name} is not a VLAN device but ${link.kind ?? "hardware"}`;
  const mtu = at === "pod" ? view.later.mtu : vlan.mtu;
  const wrong = [
    ...compare("VLAN id", link.vlan.id, vlan.vlanId),
    ...compare("parent", link.linkIndex, vlan.trunk),
    ...compare("MAC", link.mac, vlan.mac),
    ...(mtu === undefined ? [] : compare("MTU", link.mtu, mtu)),
  ];
  return wrong.length === 0 ? undefined : `device ${vlan.name} has ${wrong.join(", ")}`;
}

function compare(what: string, is: number | string | undefined, shouldBe: number | string): string[] {
  return is === shouldBe ? [] : [`${what} ${is ?? "none"} instead of ${shouldBe}`];
}

/** A device is set down, renamed and set up: its steps are merged and compared once, at the last. */
function isLast(operation: Of<"link">, all: readonly Operation[]): boolean {
  return aboutSame(operation, all).at(-1) === operation;
}

function merged(operation: Of<"link">, all: readonly Operation[]): Of<"link"> {
  return aboutSame(operation, all).reduce((earlier, later) => ({ ...earlier, ...later }));
}

function aboutSame({ at, device }: Of<"link">, all: readonly Operation[]): Of<"link">[] {
  return all.filter(
    (other) => other.kind === "link" && other.at === at && other.device === device,
  ) as Of<"link">[];
}

function differentLink(view: KernelView, operation: Of<"link">): string | undefined {
  const { at, device, name, up, reversePathFilter: filter } = operation;
  const link = view.link(at, device);
  if (link === undefined) return `device ${name ?? device} is missing`;
  const wrong = [
    ...(name === undefined || link.name === name ? [] : [`device ${name} is called ${link.name}`]),
    ...(up === undefined || link.up === up ? [] : [`device ${link.name} is ${link.up ? "up" : "down"}`]),
    ...(filter === undefined || reversePathFilterOf(link) === filter
      ? []
      : [
          `rp_filter of device ${link.name} is ${reversePathFilterOf(link) ?? "missing"} instead of ${filter}`,
        ]),
  ];
  return wrong.length === 0 ? undefined : wrong.join(", ");
}

function differentAddress(view: KernelView, { at, device, address }: Of<"address">): string | undefined {
  const link = view.link(at, device);
  const isThere =
    link !== undefined &&
    view
      .addresses(at, link.index)
      .some((found) => found.address === address.address && found.prefixLength === address.prefixLength);
  return isThere
    ? undefined
    : `address ${address.address}/${address.prefixLength} is missing on device ${link?.name ?? device}`;
}

function differentRoute(view: KernelView, { at, device, route }: Of<"route">): Found | undefined {
  const link = device === undefined ? undefined : view.link(at, device);
  const named = { ...route, ...(link !== undefined && { device: link.index }) };
  const text = describeRoute(route) + (device === undefined ? "" : ` dev ${link?.name ?? device}`);
  const all = view.routes(at, route.family, route.table);
  const rivals = all
    .filter((found) => found.destination === route.destination && found.length === route.length)
    // Routes that refuse packets, above all the last resort, are no rivals.
    .filter((found) => isRefusal(found) === isRefusal(route));
  const isThere = rivals.some((found) => sameRoute(found, named));
  // A second default route by another device, whatever its metric, leads around the branch.
  const strangers =
    route.length === 0 && route.table === Table.MAIN && !isRefusal(route)
      ? all.filter((found) => isWide(found) && !sameRoute(found, named) && !isByDevice(found, named))
      : [];
  if (isThere && strangers.length === 0) return undefined;
  const instead = (isThere ? strangers : rivals).map((found) => {
    const name = found.device === undefined ? undefined : view.link(at, found.device)?.name;
    const { device: _, ...rest } = found;
    return `"${describeRoute(rest)}${name === undefined ? "" : ` dev ${name}`}"`;
  });
  const hasRival = instead.length > 0;
  if (isThere) return { text: `route "${text}" has another beside it: ${instead.join(", ")}`, hasRival };
  return {
    text: `route "${text}" is missing${hasRival ? `; there is ${instead.join(", ")}` : ""}`,
    hasRival,
  };
}

function isByDevice(a: Route, b: Route): boolean {
  return a.device !== undefined && a.device === b.device;
}

function sameRoute(a: Route, b: Route): boolean {
  if (a.type !== b.type) return false;
  // IPv6 lists refusing routes with device lo.
  return isRefusal(a) || (a.gateway === b.gateway && a.device === b.device && a.source === b.source);
}

/** On the node a rule of the same priority that leads elsewhere, left by an earlier pod, may match first. */
function differentRule(view: KernelView, { at, rule }: Of<"rule">): string | undefined {
  const found = view.rules(at, rule.family);
  if (!found.some((other) => sameRule(other, rule))) return `rule "${describeRule(rule)}" is missing`;
  const rivals = at === "node" ? found.filter((other) => isRival(other, rule)) : [];
  if (rivals.length === 0) return undefined;
  const others = rivals.map((rival) => `"${describeRule(rival)}"`).join(", ");
  return `rule "${describeRule(rule)}" has another beside it: ${others}`;
}

function isRival(a: ListedRule, b: Rule): boolean {
  const sameText = (x: Rule["to"], y: Rule["to"]) =>
    x !== undefined && y !== undefined && formatPrefix(x) === formatPrefix(y);
  return (
    a.priority === b.priority &&
    a.table !== b.table &&
    (sameText(a.to, b.to) ||
      sameText(a.from, b.from) ||
      // Every packet that the node itself sends has input device lo.
      (b.to === undefined && a.inputDevice !== undefined && a.inputDevice === b.inputDevice))
  );
}

function sameRule(a: ListedRule, b: Rule): boolean {
  const text = (prefix: Rule["to"]) => (prefix === undefined ? "" : formatPrefix(prefix));
  return (
    a.priority === b.priority &&
    a.table === b.table &&
    text(a.to) === text(b.to) &&
    text(a.from) === text(b.from) &&
    a.inputDevice === b.inputDevice &&
    a.ipProtocol === b.ipProtocol
  );
}

function differentNeighbour(
  view: KernelView,
  { at, device, neighbour }: Of<"neighbour">,
): string | undefined {
  const link = view.link(at, device);
  const isThere =
    link !== undefined &&
    view
      .permanentNeighbours(at, link.index)
      .some((found) => found.address === neighbour.address && found.mac === neighbour.mac);
  if (isThere) return undefined;
  return `permanent neighbour ${neighbour.address} (${neighbour.mac}) is missing on device ${link?.name ?? device}`;
}

/** A kernel without nftables has none, which is fine. */
function differentHairpin(view: KernelView, hairpin: Masquerade): string | undefined {
  if (view.isHairpin(hairpin) !== false) return undefined;
  const { table, from, to } = hairpin;
  return `nftables table ${table} with one rule, to masquerade from ${from} to ${to}, is missing`;
}

function differentSysctl(view: KernelView, { at, key, value, optional }: Of<"sysctl">): string | undefined {
  const is = view.sysctl(at, key);
  if (is === value || (is === undefined && optional === true)) return undefined;
  return `sysctl ${key} is ${is ?? "missing"} instead of ${value}`;
}

function nameOf(place: Netns): string {
  return place === "node" ? "on the node" : "in the pod";
}
