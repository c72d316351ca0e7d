/** What is the same in each VPC's table: the source check, the order in which both sides are asked, the counters. */

import { emptyNetwork } from "./network.ts";
import { tableOf } from "./table.ts";

/** The table's name. */
export const TABLE = "inet vpc";

/** Where packets are counted: as they come in, as a check or a group drops them, as they are delivered. */
export const POINTS = ["sent", "spoofed", "withheld", "denied", "refused", "delivered"] as const;
/** `withheld` by the groups of the sender, `denied` by a network ACL, `refused` by the groups of the receiver. */
export type CountPoint = (typeof POINTS)[number];

/** Counted for the interface that the packet comes from, or that it goes to. */
const BY: Readonly<Record<CountPoint, "iifname" | "oifname">> = {
  sent: "iifname",
  spoofed: "iifname",
  withheld: "iifname",
  denied: "iifname",
  refused: "oifname",
  delivered: "oifname",
};

/** The sets that count flows at one point: by address family, with the destination port where there is one. */
export function flowSetsOf(point: CountPoint): string[] {
  return [`${point}4`, `${point}6`, `${point}4_other`, `${point}6_other`];
}

/** The set that counts all packets at one point, by interface. */
export function totalSetOf(point: CountPoint): string {
  return `total_${point}`;
}

/** Flows that are told apart at one point and family: what is more is in the total alone. */
const MAX_FLOWS = 4096;

/** The table of a VPC without groups and interfaces. */
export function baseText(): string {
  // What changes later is there from the start, with nothing in it: the chains below refer to it.
  const { sets, chains } = tableOf(emptyNetwork);
  return `table ${TABLE} {
${[...sets].map(([name, { kind, type }]) => `  ${kind} ${name} { ${type}; }`).join("\n")}
${[...chains.keys()].map((name) => `  chain ${name} { }`).join("\n")}
${POINTS.map(noteChain).join("\n")}
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname "lo" accept
    # Neighbour discovery, which is never forwarded.
    ip6 saddr { ::, fe80::/10 } accept
    jump note_sent
    # The source check: the interface's own MAC and one of its own addresses.
    iifname . ether saddr != @port_mac goto spoofed
    iifname @unchecked accept
    ether saddr . ip saddr != @own4 goto spoofed
    ether saddr . ip6 saddr != @own6 goto spoofed
  }
  chain spoofed { jump note_spoofed; drop; }
  chain input {
    type filter hook input priority 0; policy drop;
    # The router answers neighbour discovery (and ARP, which is not seen here) and nothing else.
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain acls {
    iifname vmap @leaving
    oifname vmap @entering
  }
  # Each side of a connection is tracked by itself: mark 1 by the sender of its first packet, 2 by the receiver.
  chain forward {
    type filter hook forward priority 0; policy drop;
    # A network ACL is asked about what a tracked connection has led to as well.
    ct state related jump acls
    ct state related accept
    ct state new jump timeouts
    ct direction original ct mark and 1 == 1 goto allowed_out
    ct direction reply ct mark and 2 == 2 goto allowed_out
    iifname vmap @senders
    goto withheld
  }
  chain allowed_out {
    jump acls
    ct direction original ct mark and 2 == 2 accept
    ct direction reply ct mark and 1 == 1 accept
    oifname vmap @receivers
    goto refused
  }
  chain tracked_out {
    ct state new ct mark set ct mark or 1
    goto allowed_out
  }
  chain tracked_in {
    ct state new ct mark set ct mark or 2
    accept
  }
  # A rule for all peers does not track what a rule of the other direction would answer.
  chain open_out {
    iifname . meta nfproto . meta l4proto @answers_in goto allowed_out
    goto tracked_out
  }
  chain open_in {
    oifname . meta nfproto . meta l4proto @answers_out accept
    goto tracked_in
  }
  chain denied { jump note_denied; drop; }
  chain withheld { jump note_withheld; drop; }
  chain refused { jump note_refused; drop; }
  chain postrouting {
    type filter hook postrouting priority 300; policy accept;
    # The router's own neighbour discovery.
    ip6 saddr fe80::/10 accept
    jump note_delivered
  }
}
`;
}

/** One set of counters for each point and family: who sent what to whom, by the interface concerned. */
function noteChain(point: CountPoint): string {
  const by = BY[point];
  const options = `flags dynamic; size ${MAX_FLOWS};`;
  return `  set ${totalSetOf(point)} { type ifname; flags dynamic; size 65535; }
  set ${point}4 { type ifname . ipv4_addr . ipv4_addr . inet_proto . inet_service; ${options} }
  set ${point}6 { type ifname . ipv6_addr . ipv6_addr . inet_proto . inet_service; ${options} }
  set ${point}4_other { type ifname . ipv4_addr . ipv4_addr . inet_proto; ${options} }
  set ${point}6_other { type ifname . ipv6_addr . ipv6_addr . inet_proto; ${options} }
  chain note_${point} {
    update @${totalSetOf(point)} { ${by} counter }
    meta l4proto { tcp, udp } update @${point}4 { ${by} . ip saddr . ip daddr . meta l4proto . th dport counter } return
    meta l4proto { tcp, udp } update @${point}6 { ${by} . ip6 saddr . ip6 daddr . meta l4proto . th dport counter } return
    update @${point}4_other { ${by} . ip saddr . ip daddr . meta l4proto counter }
    update @${point}6_other { ${by} . ip6 saddr . ip6 daddr . meta l4proto counter }
  }`;
}
