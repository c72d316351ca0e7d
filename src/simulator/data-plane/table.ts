import { familyOf } from "../../values/ip.ts";
import { emptyNetwork } from "./network.ts";
import type { GroupRule, Network, Port } from "./network.ts";

/**
 * The VPC's nftables table as data. What is the same in every VPC is BASE; the rest is sets, maps and chains whose
 * difference to what is there is one transaction, so no packet ever meets half of a change.
 */
export interface Table {
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Rules of each chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

interface NftSet {
  readonly kind: "set" | "map";
  readonly type: string;
  readonly elements: ReadonlySet<string>;
}

const TABLE = "inet vpc";
const MAX_PORT = 65_535;

/** Where packets are counted: as they come in, as a check or a group drops them, as they are delivered. */
export const POINTS = ["sent", "spoofed", "withheld", "refused", "delivered"] as const;
/** `withheld` by the groups of the sender, `refused` by those of the receiver. */
export type CountPoint = (typeof POINTS)[number];

/** Counted for the interface that the packet comes from, or that it goes to. */
const BY: Readonly<Record<CountPoint, "iifname" | "oifname">> = {
  sent: "iifname",
  spoofed: "iifname",
  withheld: "iifname",
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
  return `table ${TABLE} {
  set port_mac { type ifname . ether_addr; }
  set own4 { type ether_addr . ipv4_addr; flags interval; }
  set own6 { type ether_addr . ipv6_addr; flags interval; }
  set unchecked { type ifname; }
  set answers_in { type ifname . nf_proto . inet_proto; }
  set answers_out { type ifname . nf_proto . inet_proto; }
  map senders { type ifname : verdict; }
  map receivers { type ifname : verdict; }
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
  chain timeouts { }
  # Each side of a connection is tracked by itself: mark 1 by the sender of its first packet, 2 by the receiver.
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state related accept
    ct state new jump timeouts
    ct direction original ct mark and 1 == 1 goto allowed_out
    ct direction reply ct mark and 2 == 2 goto allowed_out
    iifname vmap @senders
    goto withheld
  }
  chain allowed_out {
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

/**
 * Rules for everybody have chains of their own, which are asked first: of the rules that allow a packet the most permissive
 * counts, in whichever group it is, and these may leave a connection untracked.
 */
export const OPEN = "_all";

/** Each with its rules' `egress`, and where a packet goes that none of them allows. */
const DIRECTIONS = [
  ["out", true, "withheld"],
  ["in", false, "refused"],
] as const;

/** What BASE has of what changes later. */
export const EMPTY_TABLE: Table = tableOf(emptyNetwork);

/** The sets, maps and chains of a network. */
export function tableOf({ groups, ports }: Network): Table {
  const all = [...ports.values()];
  const sets = new Map<string, NftSet>();
  const set = (name: string, kind: NftSet["kind"], type: string, elements: readonly string[]) =>
    void sets.set(name, { kind, type, elements: new Set(elements) });
  const owned = (family: 4 | 6) =>
    all.flatMap((port) => addressesOf(port, family).map((address) => `${port.mac} . ${address}`));
  const quoted = (device: string) => `"${device}"`;
  set(
    "port_mac",
    "set",
    "type ifname . ether_addr",
    all.map(({ device, mac }) => `${quoted(device)} . ${mac}`),
  );
  set("own4", "set", "type ether_addr . ipv4_addr; flags interval", owned(4));
  set("own6", "set", "type ether_addr . ipv6_addr; flags interval", owned(6));
  set(
    "unchecked",
    "set",
    "type ifname",
    all.filter(({ isChecked }) => !isChecked).map(({ device }) => quoted(device)),
  );
  for (const [name, egress] of [
    ["answers_in", false],
    ["answers_out", true],
  ] as const) {
    const ofPort = (port: Port) =>
      port.groups
        .flatMap((group) => groups.get(group) ?? [])
        .filter((rule) => rule.egress === egress && isForAnyPort(rule))
        .flatMap(({ protocol, peer }) => answered(protocol, peer))
        .map((what) => `${quoted(port.device)} . ${what}`);
    set(name, "set", "type ifname . nf_proto . inet_proto", all.flatMap(ofPort));
  }
  for (const [name, chain] of [
    ["senders", "out"],
    ["receivers", "in"],
  ] as const) {
    set(
      name,
      "map",
      "type ifname : verdict",
      all.map(({ device }) => `${quoted(device)} : goto ${chain}_${device}`),
    );
  }
  const chains = new Map<string, readonly string[]>();
  for (const [group, rules] of groups) {
    const members = all.filter((port) => port.groups.includes(group));
    for (const family of [4, 6] as const) {
      set(
        `members${family}_${group}`,
        "set",
        `type ipv${family}_addr; flags interval`,
        members.flatMap((port) => addressesOf(port, family)),
      );
    }
    for (const [direction, egress] of DIRECTIONS) {
      const [open, others] = partition(
        rules.filter((rule) => rule.egress === egress),
        ({ peer }) => isForAll(peer),
      );
      chains.set(`${direction}_${group}${OPEN}`, ruleLines(open, groups));
      chains.set(`${direction}_${group}`, ruleLines(others, groups));
    }
  }
  for (const { device, groups: own } of all) {
    const known = own.filter((group) => groups.has(group));
    for (const [direction, , otherwise] of DIRECTIONS) {
      const jumps = [OPEN, ""].flatMap((which) => known.map((group) => `jump ${direction}_${group}${which}`));
      chains.set(`${direction}_${device}`, [...jumps, `goto ${otherwise}`]);
    }
  }
  const { timeouts, lines } = timeoutsOf(all);
  for (const [name, elements] of timeouts) set(name, "set", "type ifname", elements.map(quoted));
  chains.set("timeouts", lines);
  return { sets, chains };
}

function addressesOf(port: Port, family: 4 | 6): string[] {
  return port.addresses.filter((address) => familyOf(address) === family).map(bare);
}

/** A set of intervals takes a single address as itself, not as /32 or /128. */
function bare(address: string): string {
  return address.replace(familyOf(address) === 4 ? /\/32$/ : /\/128$/, "");
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

function ruleLines(rules: readonly GroupRule[], groups: Network["groups"]): string[] {
  return rules.flatMap((rule) => linesOf(rule, groups));
}

/** One line for each family that the rule can match in. */
function linesOf(rule: GroupRule, groups: Network["groups"]): string[] {
  const { peer, egress, id } = rule;
  const families = "cidr" in peer ? [familyOf(peer.cidr)] : ([4, 6] as const);
  // Of a group that is gone nobody is a member.
  if ("group" in peer && !groups.has(peer.group)) return [];
  return families.flatMap((family) => {
    const match = matchOf(rule, family);
    if (match === undefined) return [];
    const side = `${family === 4 ? "ip" : "ip6"} ${egress ? "daddr" : "saddr"}`;
    const whom = "cidr" in peer ? `${side} ${peer.cidr}` : `${side} @members${family}_${peer.group}`;
    const verdict = `${isForAll(peer) ? "open" : "tracked"}_${egress ? "out" : "in"}`;
    return [`${[whom, ...match].join(" ")} counter goto ${verdict} comment "${id}"`];
  });
}

function isForAll(peer: GroupRule["peer"]): boolean {
  return "cidr" in peer && peer.cidr.endsWith("/0");
}

function isForAnyPort({ protocol, from = 0, to = MAX_PORT, peer }: GroupRule): boolean {
  return isForAll(peer) && (protocol === "-1" || (from <= 0 && to === MAX_PORT));
}

/** Only TCP and UDP are ever not tracked. */
function answered(protocol: string, peer: GroupRule["peer"]): string[] {
  const family = "cidr" in peer ? familyOf(peer.cidr) : 4;
  return ["tcp", "udp"]
    .filter((one) => protocol === "-1" || protocol === one)
    .map((one) => `ipv${family} . ${one}`);
}

/** What a rule wants of a packet's protocol; undefined when no packet of the family has it. */
function matchOf({ protocol, from = -1, to = -1 }: GroupRule, family: 4 | 6): string[] | undefined {
  switch (protocol) {
    case "-1":
      return [];
    case "tcp":
    case "udp":
      return from < 0
        ? [`meta l4proto ${protocol}`]
        : [`${protocol} dport ${from === to ? from : `${from}-${to}`}`];
    case "icmp":
    case "icmpv6": {
      if ((protocol === "icmp") !== (family === 4)) return undefined;
      if (from < 0) return [`meta l4proto ${family === 4 ? "icmp" : "ipv6-icmp"}`];
      return [`${protocol} type ${from}`, ...(to < 0 ? [] : [`${protocol} code ${to}`])];
    }
    default:
      return [`meta l4proto ${protocol}`];
  }
}

/** The shorter time of a connection's two interfaces counts: the last rule wins, so they go from long to short. */
function timeoutsOf(ports: readonly Port[]): {
  readonly timeouts: ReadonlyMap<string, string[]>;
  readonly lines: readonly string[];
} {
  const bySeconds = Map.groupBy(ports, ({ tcpSeconds }) => tcpSeconds);
  const seconds = [...bySeconds.keys()].filter((one) => one !== undefined).sort((a, b) => b - a);
  return {
    timeouts: new Map(
      seconds.map((one) => [`tracked_${one}`, (bySeconds.get(one) ?? []).map(({ device }) => device)]),
    ),
    lines: seconds.flatMap((one) =>
      (["iifname", "oifname"] as const).flatMap((side) =>
        ([4, 6] as const).map(
          (family) =>
            `meta nfproto ipv${family} meta l4proto tcp ${side} @tracked_${one} ct timeout set "tcp${family}_${one}"`,
        ),
      ),
    ),
  };
}

/** The transaction, as `nft -f` reads it, that makes one table into the other; empty when they are the same. */
export function tableDifference(before: Table, after: Table): string {
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const changedChains = [...after.chains].filter(
    ([name, rules]) => before.chains.get(name)?.join("\n") !== rules.join("\n"),
  );
  const goneChains = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  const goneSets = [...before.sets].filter(([name]) => !after.sets.has(name));
  for (const [name, { kind, type }] of after.sets) {
    if (before.sets.has(name)) continue;
    const seconds = /^tracked_(\d+)$/.exec(name)?.[1];
    for (const family of seconds === undefined ? [] : ["", "6"]) {
      const object = `tcp${family === "" ? "4" : "6"}_${seconds}`;
      say(
        `add ct timeout ${TABLE} ${object} { protocol tcp; l3proto ip${family}; policy = { established: ${seconds} }; }`,
      );
    }
    say(`add ${kind} ${TABLE} ${name} { ${type}; }`);
  }
  for (const [name] of changedChains) if (!before.chains.has(name)) say(`add chain ${TABLE} ${name}`);
  for (const name of goneChains) say(`flush chain ${TABLE} ${name}`);
  for (const [name] of changedChains) if (before.chains.has(name)) say(`flush chain ${TABLE} ${name}`);
  const elements = (verb: "add" | "delete", name: string, list: readonly string[]) => {
    if (list.length > 0) say(`${verb} element ${TABLE} ${name} { ${list.join(", ")} }`);
  };
  for (const [name, { elements: old }] of before.sets) {
    const kept = after.sets.get(name)?.elements;
    if (kept !== undefined)
      elements(
        "delete",
        name,
        [...old].filter((element) => !kept.has(element)),
      );
  }
  for (const [name, { elements: wanted }] of after.sets) {
    const old = before.sets.get(name)?.elements;
    elements(
      "add",
      name,
      [...wanted].filter((element) => old?.has(element) !== true),
    );
  }
  for (const [name, rules] of changedChains)
    for (const rule of rules) say(`add rule ${TABLE} ${name} ${rule}`);
  for (const name of goneChains) say(`delete chain ${TABLE} ${name}`);
  for (const [name, { kind }] of goneSets) {
    say(`delete ${kind} ${TABLE} ${name}`);
    const seconds = /^tracked_(\d+)$/.exec(name)?.[1];
    if (seconds !== undefined)
      for (const family of [4, 6]) say(`delete ct timeout ${TABLE} tcp${family}_${seconds}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}
