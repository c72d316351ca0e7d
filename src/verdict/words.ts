import { protocolOf } from "./group-rules.ts";
import type { End, Flow } from "./facts.ts";
import type { EndHop } from "./hops.ts";
import { nameOf } from "./network-policy.ts";

/** Hops in words. */

/** What ends a way. */
export function wordsOfEnd(hop: EndHop): string {
  switch (hop.kind) {
    case "no-rule":
      return wordsOfMissingRule(hop);
    case "refused-by-acl":
      return wordsOfAcl(hop);
    case "no-route":
      return wordsOfMissingRoute(hop);
    case "refused-by-policy":
      return wordsOfPolicies(hop);
    case "early-demux": {
      const { node, protocol } = hop;
      return `${protocol}_early_demux of node ${node.name} is on, so it drops what a strict pod of its own sends to its sockets; manageEarlyDemux switches it off`;
    }
  }
}

type Of<Kind extends EndHop["kind"]> = Extract<EndHop, { readonly kind: Kind }>;

function wordsOfMissingRule({ at, isEgress, flow }: Of<"no-rule">): string {
  const [direction, preposition, other] = isEgress
    ? (["egress", "to", flow.to] as const)
    : (["ingress", "from", flow.from] as const);
  const has = at.groups.length === 1 ? "has" : "have";
  return `${listed(at.groups)} ${has} no ${direction} for ${serviceOf(flow)} ${preposition} ${peerOf(other)}`;
}

function wordsOfAcl({
  acl,
  entry,
  flow,
  isEgress,
  isAnswer,
  fromPort,
  toPort,
}: Of<"refused-by-acl">): string {
  const ports = flow.protocol === "icmp" ? "" : ` to ports ${fromPort} to ${toPort}`;
  const what = isAnswer ? `answers${ports}` : serviceOf(flow);
  const which = entry === undefined ? "has no entry for" : `entry ${entry.number} refuses`;
  return `network ACL ${acl.id} ${which} ${what}, ${isEgress ? "out" : "in"}bound`;
}

function wordsOfMissingRoute({ table, route, at, to, isAnswer }: Of<"no-route">): string {
  const what = isAnswer ? `answers to ${to}` : to;
  if (route === undefined) return `route table ${table.id} of ${at.subnet} has no route to ${what}`;
  if (!route.isActive)
    return `route table ${table.id} of ${at.subnet} has a blackhole for ${what}: ${route.target} is gone`;
  return `route table ${table.id} of ${at.subnet} sends ${what} to ${route.target}, and ${at.id} has no public address: its subnet needs a NAT gateway`;
}

function wordsOfPolicies({ pod, policies, passage, isEgress }: Of<"refused-by-policy">): string {
  const { protocol, port, address, pod: other } = passage;
  const [direction, preposition] = isEgress ? ["egress", "to"] : ["ingress", "from"];
  const verb = policies.length === 1 ? "selects" : "select";
  const whom = other === undefined ? address : `${other.name} (${address})`;
  return `${listed(policies.map(nameOf))} ${verb} ${pod.name}, without ${direction} for ${protocol} ${port} ${preposition} ${whom}`;
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
