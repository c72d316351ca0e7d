import { NetlinkError } from "../netlink/error.ts";
import {
  AddressFlag,
  addAddress,
  decodeAddress,
  deleteAddress,
  listAddresses,
} from "../netlink/route/address.ts";
import {
  type Link,
  changeLink,
  createVlan,
  decodeLink,
  deleteLink,
  getLink,
  listLinks,
} from "../netlink/route/link.ts";
import { deleteNeighbour, replaceNeighbour } from "../netlink/route/neighbour.ts";
import { deleteRoute, replaceRoute } from "../netlink/route/route.ts";
import { addRule, deleteRule } from "../netlink/route/rule.ts";
import { NetlinkSocket, type Request } from "../netlink/socket.ts";
import { NETLINK_NETFILTER, type Transport, openTransport } from "../netlink/transport.ts";
import { type Namespace, type NotAPromise, inNamespace, openOwnNamespace } from "../netns/namespace.ts";
import { type Clock, poll, systemClock } from "../sys/clock.ts";
import { Errno, errorCode } from "../sys/errno.ts";
import { readSysctl, writeSysctl } from "../sys/sysctl.ts";
import { DatapathError } from "./error.ts";
import type { Device, Operation, Netns, VlanDevice } from "./operation.ts";

/**
 * Opens a netlink socket, of rtnetlink unless told, in the thread's current namespace; tests substitute a faulty one.
 */
export type TransportFactory = (at: Netns, protocol?: number) => Transport;

/** Operations that are one rtnetlink message. */
export type NetlinkOperation = Exclude<Operation, { kind: "sysctl" | "dad" | "hairpin" }>;

/** aws-cni waits as long. */
const DAD_LIMIT_MS = 10_000;
const DAD_POLL_MS = 50;

/** Errors of a delete when there is nothing to delete. */
const ABSENT: readonly number[] = [Errno.ENOENT, Errno.ESRCH, Errno.ENODEV, Errno.ENXIO, Errno.EADDRNOTAVAIL];

/** Whether the kernel refused because the thing in question, or its device, is not there. */
export function isAbsence(error: unknown): boolean {
  return error instanceof NetlinkError && ABSENT.includes(error.errno);
}

/**
 * Whether a device's parent or peer is on the node: for a device in a pod, in another namespace; for one on the node,
 * in its own.
 */
export function isLinkOnNode(at: Netns, link: Pick<Link, "linkNetnsId">): boolean {
  return (at === "node") === (link.linkNetnsId === undefined);
}

/** Both ends of a datapath: the node's namespace and, while it exists, the pod's. */
export class Kernel implements Disposable {
  readonly #sockets: Partial<Record<Netns, NetlinkSocket>> = {};
  readonly #indexes = new Map<string, number>();
  readonly #node: Namespace;
  readonly #pod: Namespace | undefined;
  /** What could not be done but is not essential, one line each, for the log. */
  readonly warnings = new Set<string>();
  #inPod = false;
  readonly #open: TransportFactory;
  readonly #clock: Clock;

  /** Without the pod's namespace, undo skips what is in the pod. */
  constructor(
    pod: Namespace | undefined,
    open: TransportFactory = (_at, protocol) => openTransport(undefined, protocol),
    clock: Clock = systemClock,
  ) {
    this.#pod = pod;
    this.#open = open;
    this.#clock = clock;
    this.#node = openOwnNamespace();
    if (pod?.identity !== this.#node.identity) return;
    this.#node[Symbol.dispose]();
    throw new DatapathError("namespace", `network namespace "${pod.path}" is the node's own`);
  }

  [Symbol.dispose](): void {
    for (const socket of Object.values(this.#sockets)) socket[Symbol.dispose]();
    this.#node[Symbol.dispose]();
  }

  get podIsGone(): boolean {
    return this.#pod === undefined;
  }

  socket(at: Netns): NetlinkSocket {
    return (this.#sockets[at] ??= this.within(at, () => new NetlinkSocket(this.#open(at))));
  }

  /** A socket for netfilter, a new one for each of its rare transactions. */
  openNetfilter(at: Netns): Transport {
    return this.within(at, () => this.#open(at, NETLINK_NETFILTER));
  }

  /** The device, or undefined when there is none of that name or index. */
  link(at: Netns, device: Device): Link | undefined {
    return this.links(at, [device])[0];
  }

  /** Several devices in one request. */
  links(at: Netns, devices: readonly Device[]): (Link | undefined)[] {
    return this.socket(at)
      .batch(devices.map(getLink))
      .map(({ replies: [reply], error }) => {
        if (error !== undefined && !isAbsence(error)) throw error;
        return reply === undefined ? undefined : decodeLink(reply.payload);
      });
  }

  /**
   * Runs the callback with the thread in that namespace, so that several sysctls cost one switch. Nothing on the node
   * can be done inside it.
   */
  within<T>(at: Netns, callback: () => NotAPromise<T>): T {
    if ((at === "pod") === this.#inPod) return callback();
    if (at === "node") throw new TypeError("the thread is in the pod's namespace");
    this.#inPod = true;
    try {
      return inNamespace(this.#podNamespace(), callback, this.#node);
    } finally {
      this.#inPod = false;
    }
  }

  /** The value; undefined when there is no such parameter. */
  readSysctl(at: Netns, key: string): string | undefined {
    return this.within(at, () => {
      try {
        return readSysctl(key);
      } catch (error) {
        const reason = errorCode(error) ?? String(error);
        throw new DatapathError("kernel", `read sysctl ${key}: ${reason}`, { cause: error });
      }
    });
  }

  /** Writes the value; false when there is no such parameter. */
  writeSysctl(at: Netns, key: string, value: string): boolean {
    return this.within(at, () => writeSysctl(key, value));
  }

  /**
   * All devices of the namespace, or those of one kind, or those whose message contains these bytes (such as a MAC).
   */
  allLinks(at: Netns, { kind, having }: { kind?: string; having?: Uint8Array } = {}): Link[] {
    return this.socket(at)
      .dump(listLinks(kind))
      .filter(({ payload }) => having === undefined || asBuffer(payload).includes(asBuffer(having)))
      .map(({ payload }) => decodeLink(payload));
  }

  /**
   * Waits until duplicate address detection has finished. DatapathError when another host has the address, or after 10
   * s.
   */
  waitForDad(at: Netns, device: Device, address: string): void {
    const index = this.#index(at, device);
    const flags = poll(this.#clock, DAD_LIMIT_MS, DAD_POLL_MS, () => {
      const found = this.#flagsOf(at, index, address);
      const isDone = (found & AddressFlag.TENTATIVE) === 0 || (found & AddressFlag.DADFAILED) !== 0;
      return isDone ? found : undefined;
    });
    if (flags === undefined) {
      throw new DatapathError(
        "kernel",
        `address ${address} is still tentative after ${DAD_LIMIT_MS / 1000} s`,
      );
    }
    if ((flags & AddressFlag.DADFAILED) !== 0) {
      throw new DatapathError("kernel", `address ${address} is used by another host already (DAD failed)`);
    }
  }

  #flagsOf(at: Netns, index: number, address: string): number {
    const listed = this.socket(at)
      .dump(listAddresses(index, 6))
      .map(({ payload }) => decodeAddress(payload));
    return listed.find((found) => found.address === address)?.flags ?? AddressFlag.DADFAILED;
  }

  /**
   * The request that carries out the operation. Undefined when nothing has to be sent: the device to be deleted is not
   * there.
   */
  request(operation: NetlinkOperation): Request | undefined {
    const { at } = operation;
    switch (operation.kind) {
      case "vlan": {
        const { vlan } = operation;
        if (operation.absent === true) {
          const found = this.#ownVlan(at, vlan);
          return found === undefined ? undefined : deleteLink(found.index);
        }
        return createVlan({
          name: vlan.name,
          linkIndex: vlan.trunk,
          vlanId: vlan.vlanId,
          mac: vlan.mac,
          mtu: vlan.mtu,
          ...(at === "pod" && { namespaceFd: this.#podNamespace().fd }),
        });
      }
      case "link": {
        const { name, up, reversePathFilter } = operation;
        return changeLink(this.#index(at, operation.device), {
          ...(name !== undefined && { name }),
          ...(up !== undefined && { up }),
          ...(reversePathFilter !== undefined && { reversePathFilter }),
        });
      }
      case "address": {
        const address = { ...operation.address, index: this.#index(at, operation.device) };
        return operation.absent === true ? deleteAddress(address) : addAddress(address);
      }
      case "route": {
        const { device } = operation;
        const route = {
          ...operation.route,
          ...(device !== undefined && { device: this.#index(at, device) }),
        };
        return operation.absent === true ? deleteRoute(route) : replaceRoute(route);
      }
      case "rule":
        return operation.absent === true ? deleteRule(operation.rule) : addRule(operation.rule);
      case "neighbour": {
        const neighbour = { ...operation.neighbour, device: this.#index(at, operation.device) };
        return operation.absent === true ? deleteNeighbour(neighbour) : replaceNeighbour(neighbour);
      }
    }
  }

  /** Which socket a request for this operation goes to: a VLAN device is always created from the trunk's side. */
  static socketOf(operation: Operation): Netns {
    return operation.kind === "vlan" && operation.absent !== true ? "node" : operation.at;
  }

  /** Whether a refusal means that there was nothing to do. */
  static alreadySatisfied(operation: Operation, error: NetlinkError): boolean {
    if ("absent" in operation) return isAbsence(error);
    return operation.kind === "rule" && error.errno === Errno.EEXIST;
  }

  /**
   * The VLAN device, whatever its name is by now: a trunk has each id once, and inside a pod the device may have been
   * renamed or given another MAC. On the node another MAC means another branch: aws-cni keeps its devices there too,
   * and one of its pods may have the id by now.
   */
  #ownVlan(at: Netns, vlan: VlanDevice): Link | undefined {
    // A pod may have its own VLAN device on an interface whose ifindex happens to be the trunk's.
    const isIt = (link: Link) =>
      link.vlan?.id === vlan.vlanId &&
      link.linkIndex === vlan.trunk &&
      isLinkOnNode(at, link) &&
      (at === "pod" || link.mac === vlan.mac);
    const named = this.link(at, vlan.name);
    return named !== undefined && isIt(named) ? named : this.allLinks(at, { kind: "vlan" }).find(isIt);
  }

  /** The device's ifindex. NetlinkError when there is none. */
  indexOf(at: Netns, device: Device): number {
    return this.#index(at, device);
  }

  #index(at: Netns, device: Device): number {
    if (typeof device === "number") return device;
    const key = `${at}:${device}`;
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = this.link(at, device)?.index;
      if (index === undefined) throw new NetlinkError(`find device ${device}`, Errno.ENODEV);
      this.#indexes.set(key, index);
    }
    return index;
  }

  #podNamespace(): Namespace {
    if (this.#pod === undefined) throw new DatapathError("namespace", "the pod's network namespace is gone");
    return this.#pod;
  }
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
