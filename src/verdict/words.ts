import { protocolOf } from "./group-rules.ts";
import type { End, Flow } from "./facts.ts";
import type { Hop } from "./hops.ts";

/** Hops in words. */

/** What ends a way. */
export function wordsOfEnd(hop: Hop, flow: Flow): string {
  if (hop.kind === "no-rule") {
    const { at, isEgress } = hop;
    const [direction, preposition, other] = isEgress
      ? (["egress", "to", flow.to] as const)
      : (["ingress", "from", flow.from] as const);
    const has = at.groups.length === 1 ? "has" : "have";
    return `${listed(at.groups)} ${has} no ${direction} for ${serviceOf(flow)} ${preposition} ${peerOf(other)}`;
  }
  if (hop.kind === "refused-by-acl") {
    const { acl, entry, isEgress, isAnswer, fromPort, toPort } = hop;
    const ports = flow.protocol === "icmp" ? "" : ` to ports ${fromPort} to ${toPort}`;
    const what = isAnswer ? `answers${ports}` : serviceOf(flow);
    const which = entry === undefined ? "has no entry for" : `entry ${entry.number} refuses`;
    return `network ACL ${acl.id} ${which} ${what}, ${isEgress ? "out" : "in"}bound`;
  }
  if (hop.kind === "early-demux") {
    const { node, protocol } = hop;
    return `${protocol}_early_demux of node ${node.name} is on, so it drops what a strict pod of its own sends to its sockets; manageEarlyDemux switches it off`;
  }
  throw new TypeError(`a hop that ends nothing: ${hop.kind}`);
}

export function wordsOfUnknown(hop: Hop): string {
  return hop.kind === "unknown" ? hop.why : "";
}

/** Such as `tcp 5432`. */
export function serviceOf(flow: Flow): string {
  const protocol = protocolOf(flow);
  return flow.protocol === "icmp" ? `${protocol} echo` : `${protocol} ${flow.port}`;
}

function peerOf({ address, interface: theirs }: End): string {
  const groups = theirs.known ? (theirs.value?.groups ?? []) : [];
  return groups.length === 0 ? address : `${listed(groups)} (${address})`;
}

function listed(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
