import { POINTS, flowSetsOf, totalSetOf } from "./base-table.ts";
import type { CountPoint } from "./base-table.ts";

/** What was counted of one kind of packet at one point. */
export interface Flow {
  readonly point: CountPoint;
  /** Of the interface concerned: the sender's before the groups of the receiver are asked, then the receiver's. */
  readonly device: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  /** Destination port, of TCP and UDP. */
  readonly port: number | undefined;
  readonly packets: number;
}

/** Packets of one interface. */
export type Seen = Record<CountPoint, number>;

const NONE: Seen = { sent: 0, spoofed: 0, withheld: 0, denied: 0, refused: 0, delivered: 0 };

/** Picks flows; what is left out matches everything. */
export interface FlowFilter {
  readonly from?: string;
  readonly to?: string;
  /** Destination port. */
  readonly port?: number;
  readonly protocol?: "tcp" | "udp" | "icmp" | "ipv6-icmp";
}

interface NftElement<T> {
  readonly elem: { readonly val: T; readonly counter: { readonly packets: number } };
}

interface FlowKey {
  readonly concat: readonly [string, string, string, string, number?];
}

interface NftRule {
  readonly comment?: string;
  readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
}

interface Listing {
  readonly nftables: readonly {
    readonly set?: { readonly name: string; readonly elem?: readonly NftElement<FlowKey | string>[] };
    readonly rule?: NftRule;
  }[];
}

/** Reads `nft -j list table`. */
export function flowsOf(json: string): Flow[] {
  const { nftables } = JSON.parse(json) as Listing;
  const points = new Map(POINTS.flatMap((point) => flowSetsOf(point).map((name) => [name, point] as const)));
  return nftables.flatMap(({ set }) => {
    const point = points.get(set?.name ?? "");
    if (point === undefined) return [];
    return (set?.elem ?? []).flatMap(({ elem: { val, counter } }) => {
      if (typeof val === "string") return [];
      const [device, from, to, protocol, port] = val.concat;
      return [{ point, device, from, to, protocol, port, packets: counter.packets }];
    });
  });
}

/** Sums the flows of one device that the filter lets through. */
export function sumFlows(flows: readonly Flow[], device: string, filter: FlowFilter = {}): Seen {
  const seen: Seen = { ...NONE };
  for (const flow of flows) {
    const isWanted = (Object.keys(filter) as (keyof FlowFilter)[]).every((key) => flow[key] === filter[key]);
    if (isWanted && flow.device === device) seen[flow.point] += flow.packets;
  }
  return seen;
}

/** What `nft -j` lists of rules and totals, one document a line. */
export interface Totals {
  /** All packets of an interface, by device. */
  readonly seenBy: (device: string) => Seen;
  /** Connections that each rule has allowed, by sgr-…. */
  readonly rules: ReadonlyMap<string, number>;
  /** Packets that each entry of a network ACL has decided about, by "acl-… ingress 100"; * is no entry. */
  readonly entries: ReadonlyMap<string, number>;
}

export function totalsOf(lines: readonly string[]): Totals {
  const seen = new Map<string, Seen>();
  const rules = new Map<string, number>();
  const entries = new Map<string, number>();
  const points = new Map(POINTS.map((point) => [totalSetOf(point), point]));
  for (const { set, rule } of lines.flatMap((line) => (JSON.parse(line) as Listing).nftables)) {
    const point = points.get(set?.name ?? "");
    for (const { elem } of set?.elem ?? []) {
      if (point === undefined || typeof elem.val !== "string") continue;
      seen.set(elem.val, { ...(seen.get(elem.val) ?? NONE), [point]: elem.counter.packets });
    }
    const packets = rule?.expr.find(({ counter }) => counter !== undefined)?.counter?.packets;
    if (rule?.comment === undefined || packets === undefined) continue;
    const counts = rule.comment.startsWith("acl-") ? entries : rules;
    counts.set(rule.comment, (counts.get(rule.comment) ?? 0) + packets);
  }
  return { seenBy: (device) => seen.get(device) ?? NONE, rules, entries };
}
