// NetworkPolicies as rules of nftables on a node, as whoever enforces them has them at each pod's veth: connections that
// are allowed are answered, what comes from the node itself arrives.
import type { NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule } from "../../src/verdict/facts.ts";
import { pods, type PodActor } from "./cast.ts";
import type { Cluster } from "./cluster.ts";

/** A transaction for `nft -f`: the node's table is that of these policies alone. */
export function policyTable(cluster: Cluster, node: string, policies: readonly NetworkPolicy[]): string {
  const fresh = "table inet policies { }\ndelete table inet policies\n";
  // A direct pod's packets do not pass its veth: nothing would be asked about them here.
  const own = pods.filter((pod) => pod.node === node && pod.attachment !== "direct");
  const chains = own.flatMap((pod) =>
    (["Ingress", "Egress"] as const).flatMap((type) => chainOf(cluster, pod, type, policies) ?? []),
  );
  if (chains.length === 0) return fresh;
  return `${fresh}table inet policies {
${chains.map(({ name, rules }) => `  chain ${name} {\n${rules.map((rule) => `    ${rule}\n`).join("")}  }`).join("\n")}
  chain forward {
    type filter hook forward priority 0;
${chains.map(({ name, match }) => `    ${match} jump ${name}`).join("\n")}
  }
}
`;
}

interface Chain {
  readonly name: string;
  readonly match: string;
  readonly rules: readonly string[];
}

function chainOf(
  cluster: Cluster,
  pod: PodActor,
  type: "Ingress" | "Egress",
  policies: readonly NetworkPolicy[],
): Chain | undefined {
  const selecting = policies.filter(
    ({ namespace, types, podSelector }) =>
      namespace === pod.namespace && types.includes(type) && has(pod.labels, podSelector.matchLabels),
  );
  if (selecting.length === 0) return undefined;
  const isIngress = type === "Ingress";
  const { ipv4, ipv6 } = cluster.addressesOf(pod.name);
  const node = cluster.addressesOf(pod.node);
  const allowed = selecting.flatMap((policy) =>
    (isIngress ? policy.ingress : policy.egress).flatMap((rule) => linesOf(cluster, policy, rule, isIngress)),
  );
  return {
    name: `${type.toLowerCase()}_${pod.name}`,
    match: `${isIngress ? "oifname" : "iifname"} "eni-${pod.name}"`,
    rules: [
      "ct state established,related return",
      // Itself, by its Service.
      `ip saddr ${ipv4} ip daddr ${ipv4} return`,
      `ip6 saddr ${ipv6} ip6 daddr ${ipv6} return`,
      ...(isIngress ? [`ip saddr ${node.ipv4} return`, `ip6 saddr ${node.ipv6} return`] : []),
      // Neighbour discovery.
      "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return",
      ...allowed.map((match) => `${match} return`),
      "drop",
    ],
  };
}

/** Those labels that the generator asks for: equal values. */
function has(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function linesOf(cluster: Cluster, policy: NetworkPolicy, rule: PolicyRule, isIngress: boolean): string[] {
  const side = isIngress ? "saddr" : "daddr";
  const { peers = [], ports = [] } = rule;
  const whom = peers.length === 0 ? [""] : peers.flatMap((peer) => peerLines(cluster, policy, peer, side));
  const what = ports.length === 0 ? [""] : ports.map(portLine);
  return whom.flatMap((address) =>
    what.map((service) => [address, service].filter((part) => part !== "").join(" ")),
  );
}

function peerLines(cluster: Cluster, policy: NetworkPolicy, peer: PolicyPeer, side: string): string[] {
  if (peer.kind === "block") {
    const layer = peer.cidr.includes(":") ? "ip6" : "ip";
    const except = peer.except.length === 0 ? "" : ` ${layer} ${side} != { ${peer.except.join(", ")} }`;
    return [`${layer} ${side} ${peer.cidr}${except}`];
  }
  const { namespaceSelector, podSelector } = peer;
  const chosen = pods.filter(
    ({ namespace, labels }) =>
      (namespaceSelector === undefined
        ? namespace === policy.namespace
        : has({ name: namespace }, namespaceSelector.matchLabels)) && has(labels, podSelector?.matchLabels),
  );
  if (chosen.length === 0) return [];
  const addresses = (family: "ipv4" | "ipv6") =>
    chosen.map(({ name }) => cluster.addressesOf(name)[family]).join(", ");
  return [`ip ${side} { ${addresses("ipv4")} }`, `ip6 ${side} { ${addresses("ipv6")} }`];
}

function portLine({ protocol, port, endPort }: PolicyPort): string {
  const name = protocol.toLowerCase();
  if (port === undefined) return `meta l4proto ${name}`;
  return `${name} dport ${port}${endPort === undefined ? "" : `-${endPort}`}`;
}
