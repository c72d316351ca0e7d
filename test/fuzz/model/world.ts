// A node with one pod that a primary plugin has wired, as a model: what src/netns and src/sys/sysctl.ts of the plugin
// are replaced by reaches it (see mocks.ts). The paths below are all the namespaces that there are.
import type { Netns } from "../../../src/datapath/operation.ts";
import { newRoute, anyDestination } from "../../../src/netlink/route/route.ts";
import { type Mishap, ModelKernel } from "./rtnetlink.ts";
import type { Device, ModelNamespace } from "./namespace.ts";

export const POD = "/run/netns/pod";
export const NODE = "/proc/1/ns/net";
/** Something that is no network namespace. */
export const JUNK = "/run/netns/junk";

export const TRUNK_MAC = "02:00:00:00:00:11";

/** How the node and the pod are when a call comes. */
export interface WorldOptions {
  /** The primary gave the pod an address of this family too. */
  readonly ipv6: boolean;
  /** The node has a device of the pod's interface's name. */
  readonly nodeHasEth0: boolean;
  readonly trunk: "up" | "down" | "none";
  readonly loopbackUp: boolean;
  /** What the primary made for the pod. */
  readonly primary: "veth" | "macvlan" | "none";
  /** What somebody without a record left for VLAN id 7. */
  readonly left: readonly ("rule" | "route" | "device" | "device in the pod")[];
  readonly earlyDemux: boolean;
}

export interface SysctlMishap {
  readonly of: "read" | "write";
  readonly at: number;
  readonly code: string;
}

export class World {
  readonly kernel = new ModelKernel();
  /** The namespace that the thread is in. */
  place: Netns = "node";
  /** Handles of namespaces that were not closed. */
  handles = 0;
  #descriptor = 1000;
  #sysctlMishap: SysctlMishap | undefined;
  #sysctlCalls = { read: 0, write: 0 };

  constructor(options: WorldOptions) {
    furnishNode(this.kernel.places.node, options);
    furnishPod(this.kernel.places.pod, options);
  }

  /** What goes wrong from now on, counted from here. */
  expect(mishaps: readonly Mishap[], sysctl: SysctlMishap | undefined): void {
    this.kernel.expect(mishaps);
    this.#sysctlMishap = sysctl;
    this.#sysctlCalls = { read: 0, write: 0 };
  }

  /** What there is, to be held against what there was. */
  view(): string[] {
    return this.kernel.view();
  }

  open(place: Netns): number {
    this.handles += 1;
    this.#descriptor += 1;
    this.kernel.descriptors.set(this.#descriptor, place);
    return this.#descriptor;
  }

  close(descriptor: number): void {
    this.handles -= 1;
    this.kernel.descriptors.delete(descriptor);
  }

  readSysctl(key: string): string | undefined {
    this.#sysctl("read");
    return this.kernel.places[this.place].sysctls.get(key);
  }

  writeSysctl(key: string, value: string): boolean {
    this.#sysctl("write");
    const { sysctls } = this.kernel.places[this.place];
    if (!sysctls.has(key)) return false;
    sysctls.set(key, value);
    return true;
  }

  #sysctl(of: "read" | "write"): void {
    this.#sysctlCalls[of] += 1;
    const mishap = this.#sysctlMishap;
    if (mishap?.of !== of || mishap.at !== this.#sysctlCalls[of]) return;
    throw Object.assign(new Error(`${mishap.code}: open '/proc/sys/net'`), { code: mishap.code });
  }
}

const veth = {
  index: 4,
  name: "eni-pod",
  up: true,
  mac: "02:0e:00:00:00:01",
  mtu: 9001,
  kind: "veth",
  linkIndex: 3,
};

function furnishNode(node: ModelNamespace, options: WorldOptions): void {
  node.sysctls.set("ipv4/tcp_early_demux", options.earlyDemux ? "1" : "0");
  node.add({
    index: 2,
    name: options.nodeHasEth0 ? "eth0" : "ens5",
    up: true,
    mac: "02:00:00:00:00:10",
    mtu: 9001,
  });
  if (options.trunk !== "none") {
    node.add({ index: 3, name: "eth1", up: options.trunk === "up", mac: TRUNK_MAC, mtu: 9001 });
  }
  node.add(veth);
  node.setAddress({ index: 2, address: "10.0.0.10", prefixLength: 24, scope: 0, flags: 0x80 });
  node.setRoute(newRoute({ ...anyDestination(4), gateway: "10.0.0.1", device: 2 }));
  node.setRoute(newRoute({ family: 4, destination: "10.0.0.50", length: 32, device: 4 }));
  node.addRule({ family: 4, priority: 512, table: 254, to: { address: "10.0.0.50", length: 32 } });
  if (options.ipv6) {
    node.setAddress({ index: 2, address: "2001:db8:1::10", prefixLength: 128, scope: 0, flags: 0x80 });
    node.setRoute(newRoute({ ...anyDestination(6), gateway: "fe80:ec2::1", device: 2 }));
  }
  leaveBehind(node, options);
}

function leaveBehind(node: ModelNamespace, { left, trunk }: WorldOptions): void {
  if (left.includes("rule"))
    node.addRule({ family: 4, priority: 1536, table: 107, from: { address: "10.0.0.99", length: 32 } });
  if (left.includes("route"))
    node.setRoute(newRoute({ family: 4, destination: "10.0.0.99", length: 32, device: 4, table: 107 }));
  if (left.includes("device") && trunk !== "none") node.add(strayVlan("vlan.eth.7"));
}

function strayVlan(name: string): Device {
  return {
    index: 90,
    name,
    up: true,
    mac: "02:b1:00:00:00:99",
    mtu: 9001,
    kind: "vlan",
    linkIndex: 3,
    vlanId: 7,
  };
}

function furnishPod(pod: ModelNamespace, options: WorldOptions): void {
  pod.device(1).up = options.loopbackUp;
  if (options.primary === "none") return;
  pod.add({
    index: 3,
    name: "eth0",
    up: true,
    mac: "02:0e:00:00:00:02",
    mtu: 9001,
    kind: options.primary,
    linkIndex: 4,
  });
  if (
    options.left.includes("device in the pod") &&
    options.trunk !== "none" &&
    !options.left.includes("device")
  ) {
    pod.add(strayVlan("stray"));
  }
  for (const [address, gateway, length] of [
    ["10.0.0.50", "169.254.1.1", 32],
    ...(options.ipv6 ? ([["2001:db8:1::50", "fe80::1", 128]] as const) : []),
  ] as const) {
    const family = address.includes(":") ? 6 : 4;
    pod.setAddress({ index: 3, address, prefixLength: length, scope: 0, flags: 0x80 });
    pod.setRoute(newRoute({ family, destination: gateway, length, device: 3 }));
    pod.setRoute(newRoute({ ...anyDestination(family), gateway, device: 3 }));
    pod.setNeighbour({ address: gateway, device: 3, mac: veth.mac });
  }
}

let current: World | undefined;

/** The world that the plugin in this process meets from now on. */
export function enter(world: World): void {
  current = world;
}

export function here(): World {
  if (current === undefined) throw new Error("No world was entered");
  return current;
}
