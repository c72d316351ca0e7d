// A node with one pod that a primary plugin has wired: two network namespaces of this machine's kernel, new for each
// scene. Macvlans stand for VLAN devices (test/ground/macvlan).
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { type Message, MessageFlag } from "../../src/netlink/message.ts";
import { RouteMessage } from "../../src/netlink/route/constants.ts";
import { type Link, decodeLink, listLinks } from "../../src/netlink/route/link.ts";
import { NetlinkSocket } from "../../src/netlink/socket.ts";
import { NETLINK_NETFILTER, type Transport, openTransport } from "../../src/netlink/transport.ts";
import type * as Find from "../../src/netns/find.ts";
import type * as Namespaces from "../../src/netns/namespace.ts";
import { Errno, SysError } from "../../src/sys/errno.ts";
import { koffi } from "../../src/sys/runtime/node.ts";
import { setns } from "../../src/sys/libc.ts";
import type * as Sysctls from "../../src/sys/sysctl.ts";
import { overMacvlan } from "../ground/macvlan/transport.ts";
import { viewOf } from "../kernel/faults/view.ts";
import { Faults, type Mishap } from "./faults.ts";
import { JUNK, NODE, POD, TRUNK_MAC } from "./paths.ts";

type Namespace = Namespaces.Namespace;

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

// linux/sched.h
const CLONE_NEWNET = 0x40000000;
const OWN = "/proc/thread-self/ns/net";

/** The modules as they are; set by the mocks below. */
let namespaces: typeof Namespaces;
let current: World | undefined;

export class World implements Disposable {
  readonly kernel = new Faults((message) => this.#refuses(message));
  readonly #home: Namespace;
  readonly #places: Readonly<Record<"node" | "pod", Namespace>>;
  readonly #handles: number;
  #sysctlMishap: SysctlMishap | undefined;
  #sysctlCalls = { read: 0, write: 0 };

  /** The thread is on the node from here on, until the world is disposed of. */
  constructor(options: WorldOptions) {
    this.#home = namespaces.openNamespace(OWN);
    const pod = newNamespace();
    const node = newNamespace();
    this.#places = { node, pod };
    const podPath = `/proc/${process.pid}/fd/${pod.fd}`;
    ipBatch([...nodeLines(options), ...podDevices(options, podPath), ...leftLines(options, podPath)]);
    writeFileSync("/proc/sys/net/ipv4/tcp_early_demux", options.earlyDemux ? "1" : "0");
    namespaces.inNamespace(pod, () => ipBatch(podLines(options)));
    this.#handles = openNamespaces();
  }

  [Symbol.dispose](): void {
    current = undefined;
    setns(this.#home.fd, CLONE_NEWNET);
    for (const open of [this.#home, this.#places.node, this.#places.pod]) open[Symbol.dispose]();
  }

  /** Handles of namespaces that the plugin did not close. */
  get handles(): number {
    return openNamespaces() - this.#handles;
  }

  get isOnNode(): boolean {
    using own = namespaces.openNamespace(OWN);
    return own.identity === this.#places.node.identity;
  }

  /** What goes wrong from now on, counted from here. */
  expect(mishaps: readonly Mishap[], sysctl: SysctlMishap | undefined): void {
    this.kernel.expect(mishaps);
    this.#sysctlMishap = sysctl;
    this.#sysctlCalls = { read: 0, write: 0 };
  }

  /** What there is, to be held against what there was. */
  view(): string[] {
    // The kernel gives lo its address the first time it comes up, and keeps it when it goes down again.
    const isOfLoopback = (line: string) => /^(address |route .*"destination":")127\.0\.0\./.test(line);
    return [
      ...(["node", "pod"] as const).flatMap((at) =>
        viewOf(`/proc/self/fd/${this.#places[at].fd}`)
          .filter((line) => !isOfLoopback(line))
          .map((line) => `${at}: ${line}`),
      ),
      `node: tcp_early_demux ${readFileSync("/proc/sys/net/ipv4/tcp_early_demux", "latin1").trim()}`,
    ];
  }

  transport(protocol: number | undefined): Transport {
    // No nftables here, as on some kernels.
    if (protocol === NETLINK_NETFILTER) throw new SysError("socket", Errno.EPROTONOSUPPORT);
    return this.kernel.around(overMacvlan(openTransport)());
  }

  /** As 8021q does: a trunk carries an id once, whichever namespace its device is in. Two macvlans may share a group. */
  #refuses({ type, flags, payload }: Message): number | undefined {
    if (type !== RouteMessage.NEWLINK || (flags & MessageFlag.CREATE) === 0) return undefined;
    const { linkIndex, vlan } = decodeLink(payload);
    const isTaken = Object.values(this.#places)
      .flatMap((place) => namespaces.inNamespace(place, vlanDevices))
      .some((device) => device.linkIndex === linkIndex && device.vlan?.id === vlan?.id);
    return isTaken ? Errno.EEXIST : undefined;
  }

  /** The namespace at a path: no path leads out of the scene. */
  open(path: string): Namespace {
    const target = this.#target(path);
    if (target === undefined) throw new namespaces.NamespaceError(path, true, "is gone");
    return { ...namespaces.openNamespace(target), path };
  }

  #target(path: string): string | undefined {
    if (path === POD) return `/proc/self/fd/${this.#places.pod.fd}`;
    if (path === NODE) return `/proc/self/fd/${this.#places.node.fd}`;
    return path === JUNK ? "/proc/self/ns/uts" : undefined;
  }

  sysctl<T>(of: SysctlMishap["of"], act: () => T): T {
    this.#sysctlCalls[of] += 1;
    const mishap = this.#sysctlMishap;
    if (mishap?.of !== of || mishap.at !== this.#sysctlCalls[of]) return act();
    throw Object.assign(new Error(`${mishap.code}: open '/proc/sys/net'`), { code: mishap.code });
  }
}

function vlanDevices(): Link[] {
  using socket = new NetlinkSocket(overMacvlan(openTransport)());
  return socket.dump(listLinks("vlan")).map(({ payload }) => decodeLink(payload));
}

/** A new network namespace, which the thread is in from here on. */
function newNamespace(): Namespace {
  const unshare = koffi().load(null).func("int unshare(int)");
  if (unshare(CLONE_NEWNET) !== 0) throw new SysError("unshare", koffi().errno());
  // The kernel would make link-local addresses, some moments later.
  writeFileSync("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1");
  return namespaces.openNamespace(OWN);
}

function openNamespaces(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("net:");
    } catch {
      return false;
    }
  }).length;
}

function ipBatch(lines: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", ["-batch", "-"], {
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
    timeout: 30_000,
  });
  if (status !== 0) throw new Error(`ip -batch: ${stderr}\n${lines.join("\n")}`);
}

const VETH_MAC = "02:0e:00:00:00:01";

function nodeLines({ nodeHasEth0, trunk, ipv6 }: WorldOptions): string[] {
  const uplink = nodeHasEth0 ? "eth0" : "ens5";
  return [
    "link set lo up",
    `link add ${uplink} address 02:00:00:00:00:10 mtu 9001 type veth peer name router mtu 9001`,
    "link set router up",
    `link set ${uplink} up`,
    ...(trunk === "none"
      ? []
      : [
          `link add eth1 address ${TRUNK_MAC} mtu 9001 type veth peer name wire mtu 9001`,
          "link set wire up",
          ...(trunk === "up" ? ["link set eth1 up"] : []),
        ]),
    `addr add 10.0.0.10/24 dev ${uplink}`,
    `route add default via 10.0.0.1 dev ${uplink}`,
    "rule add priority 512 to 10.0.0.50/32 lookup main",
    ...(ipv6
      ? [`addr add 2001:db8:1::10/128 dev ${uplink} nodad`, `route add default via fe80:ec2::1 dev ${uplink}`]
      : []),
  ];
}

/** The pod's device is renamed there: some kernels look its name up on the node, which may have an eth0. */
function podDevices({ primary, nodeHasEth0 }: WorldOptions, pod: string): string[] {
  const peer = primary === "veth" ? `primary mtu 9001 netns ${pod}` : "unplugged mtu 9001";
  return [
    `link add eni-pod address ${VETH_MAC} mtu 9001 type veth peer name ${peer}`,
    "link set eni-pod up",
    "route add 10.0.0.50/32 dev eni-pod scope link",
    ...(primary === "macvlan"
      ? [`link add link ${nodeHasEth0 ? "eth0" : "ens5"} name primary netns ${pod} type macvlan`]
      : []),
  ];
}

function podLines({ loopbackUp, primary, ipv6 }: WorldOptions): string[] {
  const loopback = loopbackUp ? ["link set lo up"] : [];
  if (primary === "none") return [...loopback, "link show lo"];
  return [
    ...loopback,
    "link set primary name eth0 address 02:0e:00:00:00:02",
    "link set eth0 up",
    ...[["10.0.0.50/32", "169.254.1.1"], ...(ipv6 ? [["2001:db8:1::50/128", "fe80::1"]] : [])].flatMap(
      ([address = "", gateway = ""]) => [
        `addr add ${address} dev eth0${address.includes(":") ? " nodad" : ""}`,
        `route add ${gateway} dev eth0`,
        `route add default via ${gateway} dev eth0`,
        `neigh add ${gateway} lladdr ${VETH_MAC} dev eth0 nud permanent`,
      ],
    ),
  ];
}

function leftLines({ left, trunk }: WorldOptions, pod: string): string[] {
  const stray = (name: string, where = "") =>
    `link add link eth1 name ${name}${where} address 02:b1:00:00:00:99 group 7 type macvlan`;
  return [
    ...(left.includes("rule") ? ["rule add priority 1536 from 10.0.0.99 lookup 107"] : []),
    ...(left.includes("route") ? ["route add 10.0.0.99/32 dev eni-pod table 107"] : []),
    ...(left.includes("device") && trunk !== "none" ? [stray("vlan.eth.7")] : []),
    ...(hasStrayInPod({ left, trunk }) ? [stray("stray", ` netns ${pod}`)] : []),
  ];
}

/** One VLAN id is in one namespace only. */
function hasStrayInPod({ left, trunk }: Pick<WorldOptions, "left" | "trunk">): boolean {
  return left.includes("device in the pod") && !left.includes("device") && trunk !== "none";
}

/** The plugin in this process meets this world from now on. */
export function enter(world: World): World {
  current = world;
  return world;
}

/** The scene that is played. */
function here(): World {
  if (current === undefined) throw new Error("No world was entered");
  return current;
}

/** In place of src/netns/namespace.ts. */
export function mockNamespaces(real: typeof Namespaces): Partial<typeof Namespaces> {
  namespaces = real;
  // What looks for itself, viewOf among them, names a descriptor.
  const openNamespace = (path: string): Namespace =>
    path.startsWith("/proc/self/fd/") ? real.openNamespace(path) : here().open(path);
  return { ...real, openNamespace };
}

/** In place of src/netns/find.ts. */
export function mockFind(): Omit<typeof Find, "PLACES"> {
  function* allNamespaces(): Generator<Namespace> {
    for (const path of [NODE, POD]) yield here().open(path);
  }
  return {
    allNamespaces,
    findNamespace: (identity) => {
      for (const namespace of allNamespaces()) {
        if (namespace.identity === identity) return namespace;
        namespace[Symbol.dispose]();
      }
      return undefined;
    },
  };
}

/** In place of src/sys/sysctl.ts. */
export function mockSysctl(real: typeof Sysctls): typeof Sysctls {
  return {
    readSysctl: (key) => here().sysctl("read", () => real.readSysctl(key)),
    writeSysctl: (key, value) => here().sysctl("write", () => real.writeSysctl(key, value)),
  };
}
