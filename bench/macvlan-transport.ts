import { openTransport as openReal, type Transport } from "../src/netlink/transport.ts";

export { NETLINK_NETFILTER } from "../src/netlink/transport.ts";
export type { Transport };

/**
 * In place of src/netlink/transport.ts in dist/branchline-macvlan: what asks for a VLAN device asks for a macvlan, of the
 * same parent and into the same namespace. The kernel of a machine without 8021q can then be given a whole ADD.
 */
export function openTransport(...args: Parameters<typeof openReal>): Transport {
  const real = openReal(...args);
  return {
    send(bytes) {
      real.send(asMacvlan(Buffer.from(bytes)));
    },
    receive: () => real.receive(),
    [Symbol.dispose]: () => real[Symbol.dispose](),
  };
}

/** IFLA_INFO_KIND (linux/if_link.h) with its header, padded to twelve bytes: both names take as much. */
const VLAN = Buffer.from("\u0009\0\u0001\0vlan\0\0\0\0", "latin1");
const MACVLAN = Buffer.from("\u000c\0\u0001\0macvlan\0", "latin1");
/** A type of attribute that IFLA_LINKINFO has not: the id of a VLAN means nothing to a macvlan. */
const UNKNOWN = 0x70;

function asMacvlan(bytes: Buffer): Buffer {
  const at = bytes.indexOf(VLAN);
  if (at < 0) return bytes;
  MACVLAN.copy(bytes, at);
  // The type of IFLA_INFO_DATA, behind its length.
  bytes.writeUInt16LE(UNKNOWN, at + MACVLAN.length + 2);
  return bytes;
}
