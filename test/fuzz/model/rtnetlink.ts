// rtnetlink over two model namespaces: takes datagrams of requests, changes the model, answers as Linux does.
import { NetlinkProtocolError } from "../../../src/netlink/error.ts";
import {
  concat,
  decodeAttributes,
  nested,
  textAttribute,
  u16Attribute,
  u32Attribute,
  attribute,
} from "../../../src/netlink/attribute.ts";
import {
  ControlType,
  type Message,
  MessageFlag,
  decodeMessages,
  encodeMessage,
} from "../../../src/netlink/message.ts";
import { macBytes } from "../../../src/values/mac.ts";
import { addAddress, decodeAddress } from "../../../src/netlink/route/address.ts";
import { RouteMessage } from "../../../src/netlink/route/constants.ts";
import { decodeLink } from "../../../src/netlink/route/link.ts";
import { decodeNeighbour, replaceNeighbour } from "../../../src/netlink/route/neighbour.ts";
import { decodeRoute, replaceRoute, type Route } from "../../../src/netlink/route/route.ts";
import { addRule, decodeRule, plainRule } from "../../../src/netlink/route/rule.ts";
import type { Transport } from "../../../src/netlink/transport.ts";
import { Errno } from "../../../src/sys/errno.ts";
import type { Netns } from "../../../src/datapath/operation.ts";
import { type Device, ModelNamespace, Refusal } from "./namespace.ts";

/** What shall go wrong with the n-th message or datagram, counted from 1 over the call. */
export interface Mishap {
  /** Only messages that change something, or any. */
  readonly of: "changes" | "all";
  readonly at: number;
  /** errno of a refusal; no answer though it was carried out; or an answer that is spoilt. */
  readonly how: number | "lost" | ((answer: Uint8Array) => Uint8Array);
}

export class ModelKernel {
  readonly places: Readonly<Record<Netns, ModelNamespace>> = {
    node: new ModelNamespace(),
    pod: new ModelNamespace(),
  };
  /** Descriptors of namespaces, as a request may name them. */
  readonly descriptors = new Map<number, Netns>();
  /** Messages that changed something, or tried to. */
  changes = 0;
  #mishaps: readonly Mishap[] = [];
  #counted = { changes: 0, all: 0 };
  #open = 0;

  /** Sockets that were not closed. */
  get openSockets(): number {
    return this.#open;
  }

  /** What goes wrong from now on, counted from here. */
  expect(mishaps: readonly Mishap[]): void {
    this.#mishaps = mishaps;
    this.#counted = { changes: 0, all: 0 };
  }

  view(): string[] {
    return (["node", "pod"] as const).flatMap((at) => this.places[at].view().map((line) => `${at}: ${line}`));
  }

  transport(at: Netns): Transport {
    this.#open += 1;
    const waiting: Uint8Array[] = [];
    return {
      send: (bytes) => {
        for (const message of decodeMessages(Uint8Array.from(bytes)))
          waiting.push(...this.#serve(at, message));
      },
      receive: () => {
        const answer = waiting.shift();
        if (answer === undefined) throw new NetlinkProtocolError("the kernel did not answer within 10 s");
        return answer;
      },
      [Symbol.dispose]: () => void (this.#open -= 1),
    };
  }

  #serve(at: Netns, message: Message): Uint8Array[] {
    const isChange = message.type % 4 < 2 && message.type !== RouteMessage.GETNSID;
    this.#counted.all += 1;
    if (isChange) {
      this.changes += 1;
      this.#counted.changes += 1;
    }
    const mishap = this.#mishaps.find(
      ({ of, at: number }) => (of === "all" || isChange) && number === this.#counted[of],
    );
    const how = mishap?.how;
    // That a rule is there already is a lie while it is not.
    const isLie = how === Errno.EEXIST && message.type === RouteMessage.NEWRULE;
    if (typeof how === "number") return [acknowledge(message, isLie ? Errno.EBUSY : how)];
    const answers = this.#answer(at, message, isChange);
    if (how === "lost") return [];
    return how === undefined ? answers : answers.map((answer) => how(answer));
  }

  #answer(at: Netns, message: Message, isChange: boolean): Uint8Array[] {
    try {
      if (isChange) {
        this.#change(at, message);
        return (message.flags & MessageFlag.ACK) === 0 ? [] : [acknowledge(message)];
      }
      const isDump = (message.flags & MessageFlag.DUMP) === MessageFlag.DUMP;
      const found = isDump ? this.#list(at, message) : [this.#get(at, message)];
      const flags = isDump ? MessageFlag.MULTI : 0;
      // A reply's type is that of the NEW message.
      const type = message.type === RouteMessage.GETNSID ? 88 : message.type - 2;
      const replies = found.map((payload) =>
        encodeMessage({ type, flags, sequence: message.sequence, payload }),
      );
      const end = isDump
        ? encodeMessage({
            type: ControlType.DONE,
            flags,
            sequence: message.sequence,
            payload: new Uint8Array(4),
          })
        : acknowledge(message);
      const acknowledged = isDump || (message.flags & MessageFlag.ACK) !== 0;
      return [...(replies.length > 0 ? [concat(replies)] : []), ...(acknowledged ? [end] : [])];
    } catch (error) {
      if (error instanceof Refusal) return [acknowledge(message, error.errno)];
      throw error;
    }
  }

  #change(at: Netns, { type, flags, payload }: Message): void {
    const here = this.places[at];
    switch (type) {
      case RouteMessage.NEWLINK:
        if ((flags & MessageFlag.CREATE) === 0) return changeLink(here, payload);
        return this.#createVlan(at, payload);
      case RouteMessage.DELLINK:
        return here.remove(here.device(decodeLink(payload).index));
      case RouteMessage.NEWADDR:
        return here.setAddress(plain(decodeAddress(payload)));
      case RouteMessage.DELADDR:
        return here.removeAddress(plain(decodeAddress(payload)));
      case RouteMessage.NEWROUTE:
        return here.setRoute(some(decodeRoute(payload)));
      case RouteMessage.DELROUTE:
        return here.removeRoute(some(decodeRoute(payload)));
      case RouteMessage.NEWRULE:
        return here.addRule(plainRule(some(decodeRule(payload))));
      case RouteMessage.DELRULE:
        return here.removeRule(plainRule(some(decodeRule(payload))));
      case RouteMessage.NEWNEIGH:
        return here.setNeighbour(neighbour(payload));
      case RouteMessage.DELNEIGH:
        return here.removeNeighbour(neighbour(payload));
      default:
        throw new Refusal(Errno.EOPNOTSUPP);
    }
  }

  #createVlan(at: Netns, payload: Uint8Array): void {
    const asked = decodeLink(payload);
    const fd = asked.rest.find(({ type }) => type === 28);
    const to =
      fd === undefined
        ? at
        : this.descriptors.get(new DataView(Uint8Array.from(fd.data).buffer).getUint32(0, true));
    if (to === undefined || asked.linkIndex === undefined) throw new Refusal(Errno.EINVAL);
    const parent = this.places[at].device(asked.linkIndex);
    const { vlan } = asked;
    if (vlan === undefined || parent.kind === "vlan") throw new Refusal(Errno.EOPNOTSUPP);
    if (asked.mtu > parent.mtu) throw new Refusal(34);
    const all = [...this.places.node.devices.values(), ...this.places.pod.devices.values()];
    if (all.some((device) => device.vlanId === vlan.id && device.linkIndex === parent.index))
      throw new Refusal(Errno.EEXIST);
    const device: Device = {
      index: 1 + Math.max(...all.map(({ index }) => index)),
      name: asked.name,
      up: false,
      mac: asked.mac ?? parent.mac,
      mtu: asked.mtu,
      kind: "vlan",
      linkIndex: parent.index,
      vlanId: vlan.id,
    };
    this.places[to].add(device);
  }

  #get(at: Netns, { type, payload }: Message): Uint8Array {
    const here = this.places[at];
    if (type === RouteMessage.GETLINK) {
      const { index, name } = decodeLink(payload);
      const device = name === "" ? here.devices.get(index) : here.named(name);
      if (device === undefined) throw new Refusal(Errno.ENODEV);
      return encodeDevice(at, device);
    }
    if (type === RouteMessage.GETNSID) return concat([new Uint8Array(4), u32Attribute(1, 0)]);
    if (type !== RouteMessage.GETROUTE) throw new Refusal(Errno.EOPNOTSUPP);
    const { family } = some(decodeRoute(payload));
    const found = here.routes.find(
      (route) => route.family === family && route.length === 0 && route.table === 254,
    );
    if (found === undefined) throw new Refusal(Errno.ENETUNREACH);
    const source = here.addresses.find(
      ({ index, address }) => index === found.device && address.includes(":") === (family === 6),
    );
    return replaceRoute({ ...found, ...(source !== undefined && { source: source.address }) }).payload;
  }

  #list(at: Netns, { type, payload }: Message): Uint8Array[] {
    const here = this.places[at];
    switch (type) {
      case RouteMessage.GETLINK: {
        const { kind } = decodeLink(payload);
        const all = [...here.devices.values()].filter((device) => kind === undefined || device.kind === kind);
        return all.map((device) => encodeDevice(at, device));
      }
      case RouteMessage.GETADDR: {
        const [index, family] = [
          new DataView(Uint8Array.from(payload).buffer).getUint32(4, true),
          payload[0],
        ];
        return here.addresses
          .filter((address) => index === 0 || address.index === index)
          .filter(({ address }) => family === 0 || (family === 10) === address.includes(":"))
          .map((address) => addAddress(address).payload);
      }
      case RouteMessage.GETROUTE: {
        const isFamily = familyFilter(payload);
        // The decoder knows no route of all families: any will do for what else is asked for.
        const { device, table: asked } = some(decodeRoute(withFamily(payload)));
        // Only when asked for: the header says none.
        const hasTable = decodeAttributes(payload.subarray(12)).some((attr) => attr.type === 15);
        const table = hasTable ? asked : undefined;
        return here.routes
          .filter((route) => isFamily(route.family))
          .filter(
            (route) =>
              (table === undefined || route.table === table) &&
              (device === undefined || route.device === device),
          )
          .map((route) => replaceRoute(route).payload);
      }
      case RouteMessage.GETRULE: {
        const isFamily = familyFilter(payload);
        return here.rules.filter((rule) => isFamily(rule.family)).map((rule) => addRule(rule).payload);
      }
      case RouteMessage.GETNEIGH: {
        const device = decodeAttributes(payload.subarray(12)).find((attr) => attr.type === 8);
        const index =
          device === undefined
            ? undefined
            : new DataView(Uint8Array.from(device.data).buffer).getUint32(0, true);
        return here.neighbours
          .filter((entry) => index === undefined || entry.device === index)
          .map((entry) => replaceNeighbour(entry).payload);
      }
      default:
        throw new Refusal(Errno.EOPNOTSUPP);
    }
  }
}

function changeLink(here: ModelNamespace, payload: Uint8Array): void {
  const { index, name, up } = decodeLink(payload);
  const device = here.device(index);
  const mask = new DataView(Uint8Array.from(payload).buffer).getUint32(12, true);
  if (name !== "") here.rename(device, name);
  if ((mask & 1) !== 0) here.setUp(device, up);
}

/** An address as it is kept: IFA_FLAGS is what was chosen, and it counts as permanent. */
function plain({ rest: _, ...address }: ReturnType<typeof decodeAddress>) {
  return address;
}

function neighbour(payload: Uint8Array) {
  const { address, device, mac = "00:00:00:00:00:00" } = some(decodeNeighbour(payload));
  return { address, device, mac };
}

function encodeDevice(at: Netns, { index, name, up, mac, mtu, kind, linkIndex, vlanId }: Device): Uint8Array {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setInt32(4, index, true);
  new DataView(header.buffer).setUint32(8, up ? 1 : 0, true);
  return concat([
    header,
    textAttribute(3, name),
    u32Attribute(4, mtu),
    attribute(1, macBytes(mac)),
    ...(linkIndex === undefined ? [] : [u32Attribute(5, linkIndex)]),
    // Both the peer of the pod's veth and the trunk are on the node.
    ...(linkIndex === undefined || at === "node" ? [] : [u32Attribute(37, 0)]),
    ...(kind === undefined
      ? []
      : [
          nested(18, [
            textAttribute(1, kind),
            ...(vlanId === undefined
              ? []
              : [nested(2, [u16Attribute(1, vlanId), attribute(5, Uint8Array.of(0x81, 0))])]),
          ]),
        ]),
  ]);
}

function acknowledge({ sequence, type, flags }: Message, errno = 0): Uint8Array {
  const payload = new Uint8Array(20);
  const view = new DataView(payload.buffer);
  view.setInt32(0, -errno, true);
  view.setUint32(4, 16, true);
  view.setUint16(8, type, true);
  view.setUint16(10, flags, true);
  return encodeMessage({ type: ControlType.ERROR, flags: MessageFlag.CAPPED, sequence, payload });
}

function some<T>(value: T | undefined): T {
  if (value === undefined) throw new Refusal(Errno.EAFNOSUPPORT);
  return value;
}

export type { Route };

/** Which families a list is asked for: AF_INET, AF_INET6, or all (AF_UNSPEC). */
function familyFilter(payload: Uint8Array): (family: 4 | 6) => boolean {
  const asked = payload[0];
  return (family) => asked === 0 || asked === (family === 4 ? 2 : 10);
}

function withFamily(payload: Uint8Array): Uint8Array {
  return payload[0] === 0 ? Uint8Array.of(2, ...payload.subarray(1)) : payload;
}
