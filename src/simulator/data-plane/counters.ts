import { POINTS, countersOf } from "./table.ts";
import type { CountPoint } from "./table.ts";

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

/** Picks flows; what is left out matches everything. */
export interface FlowFilter {
  readonly from?: string;
  readonly to?: string;
  /** Destination port. */
  readonly port?: number;
  readonly protocol?: "tcp" | "udp" | "icmp" | "ipv6-icmp";
}

interface NftElement {
  readonly elem: {
    readonly val: { readonly concat: readonly [string, string, string, string, number?] };
    readonly counter: { readonly packets: number };
  };
}

interface NftRule {
  readonly chain: string;
  readonly comment?: string;
  readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
}

interface Listing {
  readonly nftables: readonly {
    readonly set?: { readonly name: string; readonly elem?: readonly NftElement[] };
    readonly rule?: NftRule;
  }[];
}

/** Reads `nft -j list table`. */
export function flowsOf(json: string): Flow[] {
  const { nftables } = JSON.parse(json) as Listing;
  const points = new Map(POINTS.flatMap((point) => countersOf(point).map((name) => [name, point] as const)));
  return nftables.flatMap(({ set }) => {
    const point = points.get(set?.name ?? "");
    if (point === undefined) return [];
    return (set?.elem ?? []).map(({ elem }) => {
      const [device, from, to, protocol, port] = elem.val.concat;
      return { point, device, from, to, protocol, port, packets: elem.counter.packets };
    });
  });
}

/** Sums the flows of one device that the filter lets through. */
export function sumFlows(flows: readonly Flow[], device: string, filter: FlowFilter = {}): Seen {
  const seen: Seen = { sent: 0, spoofed: 0, withheld: 0, refused: 0, delivered: 0 };
  for (const flow of flows) {
    const isWanted = (Object.keys(filter) as (keyof FlowFilter)[]).every((key) => flow[key] === filter[key]);
    if (isWanted && flow.device === device) seen[flow.point] += flow.packets;
  }
  return seen;
}

/** Connections that each rule has allowed, by sgr-…. */
export function ruleCounts(json: string): Map<string, number> {
  const { nftables } = JSON.parse(json) as Listing;
  const counts = new Map<string, number>();
  for (const { rule } of nftables) {
    const packets = rule?.expr.find(({ counter }) => counter !== undefined)?.counter?.packets;
    if (rule?.comment === undefined || packets === undefined) continue;
    counts.set(rule.comment, (counts.get(rule.comment) ?? 0) + packets);
  }
  return counts;
}
