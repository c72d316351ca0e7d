// Security groups as nftables text: pure, so that a table of rules can be read (and tested) without a kernel.
import { asCidr, isV6 } from "./address.ts";

/** One inbound rule of a security group. Without a port: every port; without a source: nobody, so one is needed. */
export type GroupRule = {
  readonly protocol?: "tcp" | "udp" | "icmp" | "all";
  readonly port?: number;
} & ({ readonly fromGroup: string } | { readonly fromCidr: string });

/** What the VPC knows of one network interface plugged into it. */
export interface Plug {
  /** Its device on the VPC's side. */
  readonly device: string;
  readonly mac: string;
  /** Addresses and prefixes EC2 delivers to it; nothing else may be a source. */
  readonly addresses: readonly string[];
  readonly groups: readonly string[];
}

/** Where packets are counted: as they come in, as a check or a group drops them, as they go out. */
export const points = ["sent", "spoofed", "refused", "delivered"] as const;
export type Point = (typeof points)[number];

/** The whole table without any group or interface. */
export function baseTable(): string {
  return `table inet vpc {
  set port_mac { type ifname . ether_addr; }
  set own4 { type ether_addr . ipv4_addr; flags interval; }
  set own6 { type ether_addr . ipv6_addr; flags interval; }
${points.map(noteChain).join("\n")}
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname "lo" accept
    # Neighbour discovery, which is never forwarded.
    ip6 saddr { ::, fe80::/10 } accept
    jump note_sent
    # EC2's source check: the interface's own MAC and one of its own addresses.
    iifname . ether saddr != @port_mac goto spoofed
    ether saddr . ip saddr != @own4 goto spoofed
    ether saddr . ip6 saddr != @own6 goto spoofed
  }
  chain spoofed { jump note_spoofed; drop; }
  chain input {
    type filter hook input priority 0; policy drop;
    # The gateway answers neighbour discovery (and ARP, which is not seen here) and nothing else.
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain ingress { }
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    jump ingress
    jump note_refused
  }
  chain postrouting {
    type filter hook postrouting priority 300; policy accept;
    jump note_delivered
  }
}
`;
}

/** One set of counters for each point and family: who sent what to whom, by the interface concerned. */
function noteChain(point: Point): string {
  const by = point === "sent" || point === "spoofed" ? "iifname" : "oifname";
  const options = "flags dynamic; size 65535;";
  return `  set ${point}4 { type ifname . ipv4_addr . ipv4_addr . inet_proto . inet_service; ${options} }
  set ${point}6 { type ifname . ipv6_addr . ipv6_addr . inet_proto . inet_service; ${options} }
  set ${point}4_other { type ifname . ipv4_addr . ipv4_addr . inet_proto; ${options} }
  set ${point}6_other { type ifname . ipv6_addr . ipv6_addr . inet_proto; ${options} }
  chain note_${point} {
    meta l4proto { tcp, udp } update @${point}4 { ${by} . ip saddr . ip daddr . meta l4proto . th dport counter } return
    meta l4proto { tcp, udp } update @${point}6 { ${by} . ip6 saddr . ip6 daddr . meta l4proto . th dport counter } return
    update @${point}4_other { ${by} . ip saddr . ip daddr . meta l4proto counter }
    update @${point}6_other { ${by} . ip6 saddr . ip6 daddr . meta l4proto counter }
  }`;
}

/** What makes a group known, without members and rules. */
export function groupText(name: string): string {
  return `add set inet vpc if_${name} { type ifname; }
add set inet vpc m4_${name} { type ipv4_addr; flags interval; }
add set inet vpc m6_${name} { type ipv6_addr; flags interval; }
add chain inet vpc g_${name}
add rule inet vpc ingress oifname @if_${name} jump g_${name}
`;
}

/** One inbound rule of a group, for each family it speaks of. */
export function ruleText(name: string, rule: GroupRule): string {
  const families = "fromCidr" in rule ? [isV6(rule.fromCidr) ? 6 : 4] : [4, 6];
  return families
    .map((family) => {
      const ip = family === 4 ? "ip" : "ip6";
      const source = "fromCidr" in rule ? rule.fromCidr : `@m${family}_${rule.fromGroup}`;
      return `add rule inet vpc g_${name} ${ip} saddr ${source} ${matchOf(rule, family)} accept\n`;
    })
    .join("");
}

function matchOf(rule: GroupRule, family: number): string {
  const protocol = rule.protocol ?? "tcp";
  switch (protocol) {
    case "all":
      return "";
    case "icmp":
      return `meta l4proto ${family === 4 ? "icmp" : "ipv6-icmp"}`;
    case "tcp":
    case "udp":
      return rule.port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${rule.port}`;
    default:
      throw new Error(`no such protocol: ${String(protocol satisfies never)}`);
  }
}

/** Adds an interface with its addresses to the source check and its groups, or takes it out of them. */
export function plugText(verb: "add" | "delete", plug: Plug): string {
  const one = (set: string, element: string) => `${verb} element inet vpc ${set} { ${element} }\n`;
  return (
    one("port_mac", `"${plug.device}" . ${plug.mac}`) +
    plug.groups.map((group) => one(`if_${group}`, `"${plug.device}"`)).join("") +
    plug.addresses.map((address) => addressText(verb, plug, address)).join("")
  );
}

/** The same for one address of an interface that is there already. */
export function addressText(verb: "add" | "delete", plug: Plug, address: string): string {
  const family = isV6(address) ? 6 : 4;
  // A set of intervals takes a host as itself, not as /32.
  const element = asCidr(address).replace(/\/(32|128)$/, (all, bits) =>
    (bits === "32") === (family === 4) ? "" : all,
  );
  const one = (set: string, value: string) => `${verb} element inet vpc ${set} { ${value} }\n`;
  return (
    one(`own${family}`, `${plug.mac} . ${element}`) +
    plug.groups.map((group) => one(`m${family}_${group}`, element)).join("")
  );
}
