import type { Transport, openTransport } from "../../../src/netlink/transport.ts";
import { toMacvlan, toVlan } from "./messages.ts";

/**
 * The transport of the project `native` and of dist/macvlan/branchline (facade.ts puts it there): the plugin makes and reads
 * VLAN devices, the kernel, which may be without 8021q, has macvlans of the same parents in the same namespaces.
 */
export function overMacvlan(open: typeof openTransport): typeof openTransport {
  return (timeoutSeconds, protocol): Transport => {
    const real = open(timeoutSeconds, protocol);
    // Only rtnetlink, the default, has devices.
    if (protocol !== undefined) return real;
    return {
      send: (bytes) => real.send(toMacvlan(bytes)),
      receive: () => toVlan(real.receive()),
      [Symbol.dispose]: () => real[Symbol.dispose](),
    };
  };
}
