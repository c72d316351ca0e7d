// One network namespace of the model: devices, and what hangs on them. It does what Linux does as far as ADD and DEL
// depend on it: a device that goes down loses its routes, its neighbours and its IPv6 addresses, one that comes up gets
// the routes of its addresses' prefixes, and a parameter of a device lives and is renamed with it.
import { Errno } from "../../../src/sys/errno.ts";
import { networkOf } from "../../../src/values/ip.ts";
import type { NewAddress } from "../../../src/netlink/route/address.ts";
import type { NewNeighbour } from "../../../src/netlink/route/neighbour.ts";
import { type Route, isRefusal } from "../../../src/netlink/route/route.ts";
import type { Rule } from "../../../src/netlink/route/rule.ts";

export interface Device {
  readonly index: number;
  name: string;
  up: boolean;
  readonly mac: string;
  readonly mtu: number;
  readonly kind?: string;
  readonly linkIndex?: number;
  readonly vlanId?: number;
}

/** A refusal: what the kernel answers, positive. */
export class Refusal extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

const PERMANENT = 0x80;
const NOPREFIXROUTE = 0x200;
const PARAMETERS: Readonly<Record<string, string>> = {
  "ipv4/rp_filter": "0",
  "ipv6/accept_dad": "1",
  "ipv6/accept_ra": "1",
  "ipv6/accept_redirects": "1",
  "ipv6/disable_ipv6": "0",
  "ipv6/forwarding": "0",
};

export class ModelNamespace {
  readonly devices = new Map<number, Device>();
  addresses: NewAddress[] = [];
  routes: Route[] = [];
  rules: Rule[] = [];
  neighbours: NewNeighbour[] = [];
  readonly sysctls = new Map<string, string>();

  constructor() {
    this.#addParameters("default");
    this.add({ index: 1, name: "lo", up: true, mac: "00:00:00:00:00:00", mtu: 65_536 });
    for (const family of [4, 6] as const) {
      for (const [priority, table] of [
        [0, 255],
        [32_766, 254],
      ] as const) {
        this.rules.push({ family, priority, table, protocol: 2 });
      }
    }
  }

  add(device: Device): void {
    if (this.named(device.name) !== undefined) throw new Refusal(Errno.EEXIST);
    this.devices.set(device.index, device);
    this.#addParameters(device.name);
  }

  named(name: string): Device | undefined {
    return [...this.devices.values()].find((device) => device.name === name);
  }

  device(index: number): Device {
    const device = this.devices.get(index);
    if (device === undefined) throw new Refusal(Errno.ENODEV);
    return device;
  }

  remove(device: Device): void {
    this.#lose(device);
    this.addresses = this.addresses.filter(({ index }) => index !== device.index);
    for (const key of this.#keysOf(device.name)) this.sysctls.delete(key);
    this.devices.delete(device.index);
  }

  rename(device: Device, name: string): void {
    if (device.name === name) return;
    if (device.up) throw new Refusal(Errno.EBUSY);
    if (this.named(name) !== undefined) throw new Refusal(Errno.EEXIST);
    for (const key of this.#keysOf(device.name)) {
      const value = this.sysctls.get(key) ?? "";
      this.sysctls.delete(key);
      this.sysctls.set(
        key.replace(`/conf/${device.name}/`, () => `/conf/${name}/`),
        value,
      );
    }
    device.name = name;
  }

  setUp(device: Device, up: boolean): void {
    if (device.up === up) return;
    device.up = up;
    if (up)
      this.addresses
        .filter(({ index }) => index === device.index)
        .forEach((address) => this.#connect(address));
    else {
      this.#lose(device);
      this.addresses = this.addresses.filter(
        ({ index, address }) => index !== device.index || !address.includes(":"),
      );
    }
  }

  setAddress(given: NewAddress): void {
    const device = this.device(given.index);
    // The kernel's account of one that has no lifetime.
    const address = { ...given, flags: given.flags | PERMANENT };
    this.addresses = this.addresses.filter((other) => !isSameAddress(other, address));
    this.addresses.push(address);
    if (device.up) this.#connect(address);
  }

  removeAddress(address: NewAddress): void {
    const found = this.addresses.find((other) => isSameAddress(other, address));
    if (found === undefined) throw new Refusal(Errno.EADDRNOTAVAIL);
    this.addresses = this.addresses.filter((other) => other !== found);
    const route = prefixRoute(found);
    if (route !== undefined) this.routes = this.routes.filter((other) => keyOf(other) !== keyOf(route));
  }

  setRoute(asked: Route): void {
    // What sends nothing needs no device, and IPv6 lists it as leaving by lo.
    const route = isRefusal(asked) && asked.family === 6 ? { ...asked, device: 1 } : asked;
    if (!isRefusal(route)) {
      if (route.device === undefined) throw new Refusal(Errno.EINVAL);
      if (!this.device(route.device).up) throw new Refusal(100);
    }
    this.routes = this.routes.filter((other) => keyOf(other) !== keyOf(route));
    this.routes.push(route);
  }

  removeRoute(wanted: Route): void {
    const found = this.routes.find(
      (route) =>
        keyOf(route) === keyOf(wanted) &&
        (wanted.device === undefined || route.device === wanted.device) &&
        (wanted.gateway === undefined || route.gateway === wanted.gateway),
    );
    if (found === undefined) throw new Refusal(Errno.ESRCH);
    this.routes = this.routes.filter((route) => route !== found);
  }

  addRule(rule: Rule): void {
    if (this.rules.some((other) => matches(other, rule) && matches(rule, other)))
      throw new Refusal(Errno.EEXIST);
    this.rules.push(rule);
  }

  removeRule(wanted: Rule): void {
    const found = this.rules.find((rule) => matches(rule, wanted));
    if (found === undefined) throw new Refusal(Errno.ENOENT);
    this.rules = this.rules.filter((rule) => rule !== found);
  }

  setNeighbour(neighbour: NewNeighbour): void {
    this.device(neighbour.device);
    this.neighbours = this.neighbours.filter((other) => !isSameNeighbour(other, neighbour));
    this.neighbours.push(neighbour);
  }

  removeNeighbour(neighbour: NewNeighbour): void {
    this.device(neighbour.device);
    const found = this.neighbours.find((other) => isSameNeighbour(other, neighbour));
    if (found === undefined) throw new Refusal(Errno.ENOENT);
    this.neighbours = this.neighbours.filter((other) => other !== found);
  }

  /** A line for each thing there is, sorted. */
  view(): string[] {
    return [
      ...[...this.devices.values()].map((device) => `device ${JSON.stringify(device)}`),
      // Whether it is checked for duplicates is over by then; the other flags are its state.
      ...this.addresses.map(
        ({ flags, ...address }) => `address ${JSON.stringify({ ...address, flags: flags & NOPREFIXROUTE })}`,
      ),
      ...this.routes.map((route) => `route ${JSON.stringify(sorted(route))}`),
      // Who made a rule is not part of what it does.
      ...this.rules.map(({ protocol: _, ...rule }) => `rule ${JSON.stringify(sorted(rule))}`),
      ...this.neighbours.map((neighbour) => `neighbour ${JSON.stringify(neighbour)}`),
      ...[...this.sysctls].map(([key, value]) => `sysctl ${key}=${value}`),
    ].sort();
  }

  #addParameters(device: string): void {
    for (const [name, value] of Object.entries(PARAMETERS)) {
      const [family, parameter] = name.split("/");
      this.sysctls.set(`${family}/conf/${device}/${parameter}`, value);
    }
  }

  #keysOf(device: string): string[] {
    return [...this.sysctls.keys()].filter((key) => key.includes(`/conf/${device}/`));
  }

  /** What goes with a device that goes down. */
  #lose(device: Device): void {
    this.routes = this.routes.filter((route) => route.device !== device.index || isRefusal(route));
    this.neighbours = this.neighbours.filter((neighbour) => neighbour.device !== device.index);
  }

  #connect(address: NewAddress): void {
    const route = prefixRoute(address);
    if (route !== undefined && !this.routes.some((other) => keyOf(other) === keyOf(route)))
      this.routes.push(route);
  }
}

/** The route that comes with an address, by the kernel. */
function prefixRoute({ address, prefixLength, flags, index }: NewAddress): Route | undefined {
  const family = address.includes(":") ? 6 : 4;
  if ((flags & NOPREFIXROUTE) !== 0 || (family === 4 && prefixLength === 32)) return undefined;
  return {
    family,
    destination: networkOf({ address, length: prefixLength }),
    length: prefixLength,
    table: 254,
    protocol: 2,
    scope: family === 4 ? 253 : 0,
    type: 1,
    device: index,
    ...(family === 4 ? { source: address } : { priority: 256 }),
  };
}

/** What a route replaces, and is found by: IPv6 keeps routes of several devices beside each other. */
function keyOf({
  family,
  destination,
  length,
  table,
  priority = family === 6 ? 1024 : 0,
  device,
  type,
}: Route): string {
  const by = family === 6 && !isRefusal({ type }) ? device : "";
  return `${family} ${destination}/${length} ${table} ${priority} ${by}`;
}

function isSameAddress(a: NewAddress, b: NewAddress): boolean {
  return a.index === b.index && a.address === b.address && a.prefixLength === b.prefixLength;
}

function isSameNeighbour(a: NewNeighbour, b: NewNeighbour): boolean {
  return a.device === b.device && a.address === b.address;
}

/** Whether the rule has all that is asked for. */
function matches(rule: Rule, wanted: Rule): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => key === "protocol" || JSON.stringify(rule[key as keyof Rule]) === JSON.stringify(value),
  );
}

function sorted(thing: object): object {
  return Object.fromEntries(Object.entries(thing).sort(([a], [b]) => (a < b ? -1 : 1)));
}
