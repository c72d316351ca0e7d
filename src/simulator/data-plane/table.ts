import { contains, familyOf, ipBytes, parsePrefix } from "../../values/ip.ts";
import type { IpPrefix } from "../../values/ip.ts";
import { aclTableOf } from "./acl-table.ts";
import type { GroupRule, Network, Port } from "./network.ts";

/**
 * The VPC's nftables table as data. The base table is the same in every VPC; the rest is sets, maps and chains whose
 * difference to what is there is one transaction, so no packet ever meets half of a change.
 */
export interface Table {
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Bodies of `ct timeout` objects. */
  readonly timeouts: ReadonlyMap<string, string>;
  /** Rules of each chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

export interface NftSet {
  readonly kind: "set" | "map";
  readonly type: string;
  readonly elements: ReadonlySet<string>;
}

const MAX_PORT = 65_535;

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

/** The sets, maps and chains of a network. */
export function tableOf(network: Network): Table {
  const { groups, prefixLists, ports } = network;
  const all = [...ports.values()];
  const acls = aclTableOf(network);
  const sets = new Map<string, NftSet>(acls.sets);
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
  for (const [id, { family, cidrs }] of prefixLists)
    set(`list_${id}`, "set", `type ipv${family}_addr; flags interval`, outermost(cidrs).map(bare));
  const chains = new Map<string, readonly string[]>(acls.chains);
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
      chains.set(`${direction}_${group}${OPEN}`, ruleLines(open, network));
      chains.set(`${direction}_${group}`, ruleLines(others, network));
    }
  }
  for (const { device, groups: own } of all) {
    const known = own.filter((group) => groups.has(group));
    for (const [direction, , otherwise] of DIRECTIONS) {
      const jumps = [OPEN, ""].flatMap((which) => known.map((group) => `jump ${direction}_${group}${which}`));
      chains.set(`${direction}_${device}`, [...jumps, `goto ${otherwise}`]);
    }
  }
  const timeouts = new Map<string, string>();
  chains.set("timeouts", []);
  for (const { protocol, seconds, devices } of timeoutsOf(all)) {
    const id = [protocol, ...seconds].join("_");
    set(`tracked_${id}`, "set", "type ifname", devices.map(quoted));
    for (const family of [4, 6] as const) {
      const policy = POLICIES[protocol].map((state, i) => `${state}: ${seconds[i]}`).join(", ");
      const layer = family === 4 ? "ip" : "ip6";
      timeouts.set(`${id}_v${family}`, `protocol ${protocol}; l3proto ${layer}; policy = { ${policy} };`);
      const match = `meta nfproto ipv${family} meta l4proto ${protocol}`;
      chains.set("timeouts", [
        ...(chains.get("timeouts") ?? []),
        ...["iifname", "oifname"].map(
          (side) => `${match} ${side} @tracked_${id} ct timeout set "${id}_v${family}" return`,
        ),
      ]);
    }
  }
  return { sets, timeouts, chains };
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

/** An interval of a set cannot overlap another: of two blocks that do, one is within the other. */
function outermost(cidrs: readonly string[]): string[] {
  // In this order a block comes right before all that is within it.
  const sorted = cidrs
    .map((text) => ({ text, prefix: read(text) }))
    .map((one) => ({ ...one, bytes: Buffer.from(ipBytes(one.prefix.address)) }))
    .toSorted((a, b) => a.bytes.compare(b.bytes) || a.prefix.length - b.prefix.length);
  const kept: string[] = [];
  let last: IpPrefix | undefined;
  for (const { text, prefix } of sorted) {
    if (last !== undefined && contains(last, prefix.address)) continue;
    kept.push(text);
    last = prefix;
  }
  return kept;
}

function read(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(`Cannot read prefix "${text}"`);
  return prefix;
}

function ruleLines(rules: readonly GroupRule[], network: Network): string[] {
  return rules.flatMap((rule) => linesOf(rule, network));
}

/** One line for each family that the rule can match in. */
function linesOf(rule: GroupRule, network: Network): string[] {
  const { peer, egress, id } = rule;
  return addressesOfPeer(peer, network).flatMap(([family, addresses]) => {
    const match = matchOf(rule, family);
    if (match === undefined) return [];
    const whom = `${family === 4 ? "ip" : "ip6"} ${egress ? "daddr" : "saddr"} ${addresses}`;
    const verdict = `${isForAll(peer) ? "open" : "tracked"}_${egress ? "out" : "in"}`;
    return [`${[whom, ...match].join(" ")} counter goto ${verdict} comment "${id}"`];
  });
}

/** What the other end's address is to be in, by family. Of a group or a list that is gone nothing is. */
function addressesOfPeer(
  peer: GroupRule["peer"],
  { groups, prefixLists }: Network,
): (readonly [family: 4 | 6, addresses: string])[] {
  if ("cidr" in peer) return [[familyOf(peer.cidr), peer.cidr]];
  if ("list" in peer) {
    const list = prefixLists.get(peer.list);
    return list === undefined ? [] : [[list.family, `@list_${peer.list}`]];
  }
  if (!groups.has(peer.group)) return [];
  return ([4, 6] as const).map((family) => [family, `@members${family}_${peer.group}`]);
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

/** States of a connection that a time is given for. */
const POLICIES = { tcp: ["established"], udp: ["unreplied", "replied"] } as const;

interface Timeout {
  readonly protocol: keyof typeof POLICIES;
  readonly seconds: readonly number[];
  readonly devices: readonly string[];
}

/**
 * The shorter time of a connection's two interfaces counts: they go from short to long, and the first that matches is the
 * only one set. Of two that are set, some kernels keep the first (6.1, 6.12) and others the last.
 */
function timeoutsOf(ports: readonly Port[]): Timeout[] {
  const wanted = ports.flatMap(({ device, tcpSeconds, udpSeconds }) => [
    ...(tcpSeconds === undefined ? [] : [{ protocol: "tcp" as const, seconds: [tcpSeconds], device }]),
    ...(udpSeconds === undefined ? [] : [{ protocol: "udp" as const, seconds: udpSeconds, device }]),
  ]);
  const together = Map.groupBy(wanted, ({ protocol, seconds }) => [protocol, ...seconds].join(" "));
  return [...together.values()]
    .flatMap(([first, ...others]) =>
      first === undefined ? [] : [{ ...first, devices: [first, ...others].map(({ device }) => device) }],
    )
    .toSorted(
      (a, b) => (a.seconds[0] ?? 0) - (b.seconds[0] ?? 0) || (a.seconds[1] ?? 0) - (b.seconds[1] ?? 0),
    );
}
