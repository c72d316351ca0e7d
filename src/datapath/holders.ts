import { decodeNetnsId, getNetnsId } from "../netlink/route/nsid.ts";
import { type Link, deleteLink } from "../netlink/route/link.ts";
import { allNamespaces } from "../netns/find.ts";
import { openOwnNamespace } from "../netns/namespace.ts";
import { DatapathError } from "./error.ts";
import { Kernel, type TransportFactory } from "./kernel.ts";
import type { Netns } from "./operation.ts";

/** A VLAN device of the trunk, and the namespace it was found in. */
export interface Holder {
  readonly link: Link;
  /** `node` for the node's own namespace. */
  readonly at: Netns;
  /** A path to the namespace. */
  readonly namespace: string;
}

/** Why a holder must stay. */
export interface Refusal {
  readonly refuse: string;
}

export type Judge = (holder: Holder) => Refusal | undefined;

type Trunk = Pick<Link, "index" | "name">;

/**
 * Finds the VLAN device that holds an id of the trunk, in whichever namespace, and removes it unless the judge refuses.
 * True when one was removed; false when none is found, as while a namespace is being torn down. DatapathError `held`
 * when the judge refuses.
 */
export function evict(trunk: Trunk, vlanId: number, judge: Judge, open?: TransportFactory): boolean {
  using node = openOwnNamespace();
  for (const namespace of allNamespaces()) {
    using _closed = namespace;
    const isNode = namespace.identity === node.identity;
    using kernel = new Kernel(isNode ? undefined : namespace, open);
    const at: Netns = isNode ? "node" : "pod";
    const link = kernel.allLinks(at, { kind: "vlan" }).find((candidate) => candidate.vlan?.id === vlanId);
    if (link === undefined || !isOnTrunk(kernel, at, link, trunk, node.fd)) continue;
    const refusal = judge({ link, at, namespace: namespace.path });
    if (refusal !== undefined) {
      throw new DatapathError("held", `VLAN id ${vlanId} on trunk ${trunk.name}: ${refusal.refuse}`);
    }
    kernel.socket(at).request(deleteLink(link.index));
    return true;
  }
  return false;
}

/** linkIndex is an ifindex in the namespace that linkNetnsId names; other namespaces have the same numbers. */
function isOnTrunk(kernel: Kernel, at: Netns, link: Link, trunk: Trunk, nodeFd: number): boolean {
  if (link.linkIndex !== trunk.index) return false;
  if (at === "node") return link.linkNetnsId === undefined;
  // Without linkNetnsId the parent is in the device's own namespace. A namespace that has no id for the node's has no
  // device of the trunk.
  if (link.linkNetnsId === undefined) return false;
  const reply = kernel.socket(at).request(getNetnsId(nodeFd))[0];
  return reply !== undefined && decodeNetnsId(reply.payload) === link.linkNetnsId;
}
