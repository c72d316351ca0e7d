import type { Filters, Flow } from "./facts.ts";
import type { Hop } from "./hops.ts";
import { type Passage, passPolicies, selecting } from "./network-policy.ts";
import type { Place, PodPlace, Source } from "./places.ts";

/** NetworkPolicies at both ends of a connection. They are enforced on the node's end of a pod's veth, not by the VPC. */

export interface Asked {
  readonly from: Source;
  readonly to: Place;
  readonly protocol: Flow["protocol"];
  readonly port: number;
  readonly throughService: boolean;
}

/** `source`: the caller's address as the other end sees it. */
export function policyHops(
  filters: Filters,
  asked: Asked,
  source: string,
  isEgress: boolean,
): readonly Hop[] {
  const { policies } = filters;
  const { from, to, protocol, port, throughService } = asked;
  const own = isEgress ? from : to;
  if (policies === undefined || own.kind !== "pod" || isSame(from, to)) return [];
  const direction = { isEgress, isAnswer: false };
  if (!policies.known) {
    // They decide nothing on a direct pod.
    return own.attachment === "direct" ? [] : [{ kind: "unknown", why: policies.why, ...direction }];
  }
  if (own.attachment === "direct") {
    return selecting(policies.value, own, isEgress).map((policy) => ({
      kind: "unenforced-policy",
      pod: own,
      policy,
      ...direction,
    }));
  }
  const passage: Passage = {
    isEgress,
    ...(isEgress ? otherEnd(to, addressOf(to)) : otherEnd(from, source)),
    protocol,
    port,
    isByService: throughService,
    isOwnNode: isNodeOf(own, isEgress ? to : from),
  };
  const allowed = passPolicies(policies.value, own, passage);
  switch (allowed.allows) {
    case "yes":
      return [{ kind: "policy", pod: own, policy: allowed.policy, ...direction }];
    case "no":
      return [{ kind: "refused-by-policy", pod: own, policies: allowed.policies, passage, ...direction }];
    case "unknown":
      return [{ kind: "unknown", why: allowed.why, ...direction }];
  }
}

/** Its pod, if that has the address by its status. */
function otherEnd(place: Place, address: string): Pick<Passage, "address" | "pod"> {
  return { address, pod: place.kind === "pod" && place.end.address === address ? place : undefined };
}

function addressOf(place: Place): string {
  return place.kind === "node-local" ? place.address : place.end.address;
}

function isNodeOf(pod: PodPlace, other: Place): boolean {
  return other.kind === "node-local" || (other.kind === "node" && other.name === pod.node.name);
}

function isSame(from: Source, to: Place): boolean {
  return from.kind === "pod" && to.kind === "pod" && from.name === to.name;
}
