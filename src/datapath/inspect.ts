import type { IpFamily } from "../values/ip.ts";
import { Scope, Table } from "../netlink/route/constants.ts";
import { type Link, reversePathFilterOf } from "../netlink/route/link.ts";
import { type Route, decodeRoute, lookUpRoute } from "../netlink/route/route.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import type { Claims } from "./claims.ts";
import { DatapathError } from "./error.ts";
import type { Facts, NodeFacts, PodFacts, PrimaryFacts } from "./facts.ts";
import type { Kernel } from "./kernel.ts";
import { otherDefaults } from "./other-defaults.ts";
import {
  readAddresses,
  readPermanentNeighbours,
  readRoutes,
  readRoutesOfPrimary,
  readRulesAbout,
} from "./read.ts";
import { type DeviceSysctl, sysctlKey } from "./sysctl.ts";

/**
 * Addresses for documentation (RFC 5737, RFC 3849): no node has a route of its own to them, so looking one up gives
 * the default route, with the source address that goes with it. Nothing is sent.
 */
const SOMEWHERE: Record<IpFamily, string> = { 4: "198.51.100.1", 6: "2001:db8::1" };

const FAMILIES: readonly IpFamily[] = [4, 6];

export interface Inspection {
  readonly trunk: Link;
  /** The name that the primary plugin gave the pod's interface. */
  readonly primary: string;
  /** The table that belongs to the VLAN id. */
  readonly table: number;
  /** The name that the VLAN device has where it stays on the node. */
  readonly vlan: string;
  /** Parameters of the pod's devices whose values are wanted. */
  readonly sysctls: readonly DeviceSysctl[];
  /** The branch's. */
  readonly addresses: readonly string[];
}

/** Reads what a plan needs to know. DatapathError when the pod's interface is not as a primary plugin leaves it. */
export function inspect(kernel: Kernel, what: Inspection): Facts {
  const pod = inspectPod(kernel, what);
  return { pod, node: inspectNode(kernel, what, pod.primary.link) };
}

function inspectPod(kernel: Kernel, { primary, sysctls }: Inspection): PodFacts {
  const [link, loopback] = kernel.links("pod", [primary, "lo"]);
  if (link === undefined) {
    throw new DatapathError(
      "namespace",
      `the pod has no interface "${primary}": branchline must come after the plugin that makes it`,
    );
  }
  if (link.kind !== "veth") {
    throw new DatapathError(
      "config",
      `the pod's "${primary}" is not a veth device (${link.kind ?? "hardware"}): the primary plugin must be one that makes veth pairs`,
    );
  }
  const routes = readRoutes(kernel, "pod");
  return {
    primary: inspectPrimary(kernel, link, routes),
    otherDefaults: otherDefaults(routes, link.index),
    loopbackUp: loopback?.up ?? false,
    sysctls: kernel.within("pod", () =>
      [primary, "lo"].flatMap((device) =>
        sysctls.flatMap(({ family, parameter }) => {
          const value = kernel.readSysctl("pod", sysctlKey({ family, parameter }, device));
          return value === undefined ? [] : [{ family, parameter, device, value }];
        }),
      ),
    ),
  };
}

/** All that a primary plugin gave an interface. */
export function inspectPrimary(
  kernel: Kernel,
  link: Link,
  routes: readonly Route[] = readRoutes(kernel, "pod"),
): PrimaryFacts {
  return {
    link,
    addresses: readAddresses(kernel, "pod", link.index),
    routes: routes.filter((route) => route.device === link.index && route.table !== Table.LOCAL),
    permanentNeighbours: readPermanentNeighbours(kernel, "pod", link.index),
  };
}

function inspectNode(
  kernel: Kernel,
  { trunk, table, vlan, addresses }: Inspection,
  primary: Link,
): NodeFacts {
  const [namesake, veth] = kernel.links("node", [
    primary.name,
    ...(primary.linkIndex === undefined ? [] : [primary.linkIndex]),
  ]);
  if (veth === undefined || veth.kind !== "veth" || veth.linkIndex !== primary.index) {
    throw new DatapathError(
      "config",
      `the other end of the pod's "${primary.name}" is not on the node: the primary plugin must be one that leaves it there`,
    );
  }
  const global = readAddresses(kernel, "node", 0, Scope.UNIVERSE);
  const own = new Set(global.map(({ address }) => address));
  const vethFilter = reversePathFilterOf(veth);
  return {
    trunk,
    nameIsTaken: namesake !== undefined,
    veth,
    ...(vethFilter !== undefined && { vethFilter }),
    vethRoutes: readRoutesOfPrimary(kernel, veth.index, table),
    addresses: [...own],
    source: defaultSources(kernel.socket("node"), own),
    ...leftOnNode(kernel, { table, devices: [veth.name, vlan], addresses }),
  };
}

/** A rule outlives its device, its address and the routes it led to, so even an empty table may have rules. */
function leftOnNode(kernel: Kernel, claims: Claims): Pick<NodeFacts, "table" | "rules"> {
  return {
    table: readRoutes(kernel, "node", undefined, claims.table),
    rules: readRulesAbout(kernel, "node", claims),
  };
}

/** A node without a default route of a family has no such source; probes of that family are then left to the kernel. */
function defaultSources(socket: NetlinkSocket, own: ReadonlySet<string>): Partial<Record<IpFamily, string>> {
  const outcomes = socket.batch(FAMILIES.map((family) => lookUpRoute(family, SOMEWHERE[family])));
  const sources: Partial<Record<IpFamily, string>> = {};
  for (const [i, family] of FAMILIES.entries()) {
    const reply = outcomes[i]?.replies[0];
    const source = reply === undefined ? undefined : decodeRoute(reply.payload)?.source;
    // Without a route IPv6 may answer with an unreachable one over lo, whose source is not one of the node's addresses.
    if (source !== undefined && own.has(source)) sources[family] = source;
  }
  return sources;
}
