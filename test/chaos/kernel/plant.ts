import type { Node } from "../../../src/attachment/node.ts";
import type { AttachmentRecord } from "../../../src/state/record.ts";
import type { TransportFactory } from "../../../src/datapath/kernel.ts";
import { AttachmentStore, STATE_DIRECTORY } from "../../../src/state/store.ts";
import { decodeMessages } from "../../../src/netlink/message.ts";
import { openTransport } from "../../../src/netlink/transport.ts";
import { systemClock } from "../../../src/sys/clock.ts";

/** A plugin with a defect, to see whether it is found: wraps what the node offers to a call of a verb. */
export type Plant = (node: Node, verb: string) => Node;

export const plants: Readonly<Record<string, Plant>> = {
  /** DEL forgets the rules of IPv4 to the pod. */
  "forgotten-rule": (node, verb) => (verb === "DEL" ? { ...node, openTransport: withoutRuleDeletion } : node),
  /** ADD takes every pod that has the VLAN id for gone. */
  "everybody-gone": (node, verb) => (verb === "ADD" ? { ...node, store: new HastyStore() } : node),
};

const DELRULE = 33;
const NOOP = 1;
const AF_INET = 2;

const withoutRuleDeletion: TransportFactory = (_at, protocol) => {
  const real = openTransport(undefined, protocol);
  // Numbers of messages mean something else there.
  if (protocol !== undefined) return real;
  return {
    ...real,
    send: (bytes: Uint8Array) => {
      const changed = Buffer.from(bytes);
      let offset = 0;
      for (const { type, payload } of decodeMessages(bytes)) {
        // A control message, which the kernel acknowledges and ignores.
        if (type === DELRULE && payload[0] === AF_INET) changed.writeUInt16LE(NOOP, offset + 4);
        offset += (16 + payload.length + 3) & ~3;
      }
      real.send(changed);
    },
  };
};

class HastyStore extends AttachmentStore {
  constructor() {
    super(STATE_DIRECTORY, systemClock);
  }

  override withVlanId(vlanId: number): AttachmentRecord[] {
    return super
      .withVlanId(vlanId)
      .map((record) => ({ ...record, namespace: { ...record.namespace, identity: "0:0" } }));
  }
}
