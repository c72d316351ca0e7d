// What the VPC saw, read from the counters its table keeps for each flow.
import { points, type Point } from "./groups.ts";

/** Picks flows; what is left out matches everything. */
export interface FlowFilter {
  readonly from?: string;
  readonly to?: string;
  /** Destination port. */
  readonly port?: number;
  readonly protocol?: "tcp" | "udp" | "icmp" | "ipv6-icmp";
}

/**
 * Packets of one interface: those it sent, those of them that failed the source check,
 * those its groups refused to let in, and those delivered to it.
 */
export type Seen = Record<Point, number>;

interface Flow {
  readonly point: Point;
  readonly device: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
  readonly port: number | undefined;
  readonly packets: number;
}

/** Sums what `nft -j list table` counted for a device and a filter. */
export function sumFlows(json: string, device: string, filter: FlowFilter): Seen {
  const seen: Seen = { sent: 0, spoofed: 0, refused: 0, delivered: 0 };
  for (const flow of flowsOf(json)) {
    if (flow.device !== device) continue;
    if (filter.from !== undefined && flow.from !== filter.from) continue;
    if (filter.to !== undefined && flow.to !== filter.to) continue;
    if (filter.port !== undefined && flow.port !== filter.port) continue;
    if (filter.protocol !== undefined && flow.protocol !== filter.protocol) continue;
    seen[flow.point] += flow.packets;
  }
  return seen;
}

interface NftElement {
  readonly elem: {
    readonly val: { readonly concat: readonly [string, string, string, string, number?] };
    readonly counter: { readonly packets: number };
  };
}

function flowsOf(json: string): Flow[] {
  const { nftables }: { nftables: { set?: { name: string; elem?: NftElement[] } }[] } = JSON.parse(json);
  return nftables.flatMap(({ set }) => {
    const point = points.find(
      (name) => set !== undefined && new RegExp(`^${name}[46](_other)?$`).test(set.name),
    );
    if (point === undefined) return [];
    return (set?.elem ?? []).map(({ elem }) => {
      const [device, from, to, protocol, port] = elem.val.concat;
      return { point, device, from, to, protocol, port, packets: elem.counter.packets };
    });
  });
}
