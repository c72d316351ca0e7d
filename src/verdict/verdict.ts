import type { Filters, Flow } from "./facts.ts";
import { type Hop, hopsOf, isEnd } from "./hops.ts";
import type { Place, Source } from "./places.ts";
import { remedyOf } from "./remedy.ts";
import { type VpcWay, type Way, wayOf } from "./way.ts";
import { wordsOfEnd, wordsOfUnknown } from "./words.ts";

/** Whether one place reaches another, and why. Pure: it knows what it is given, and says what it was not. */

export interface Path {
  readonly from: Source;
  readonly to: Place;
  readonly protocol: Flow["protocol"];
  readonly port: number;
  /** By the address of a ClusterIP Service, of which `to` is an endpoint. */
  readonly throughService: boolean;
}

export interface Verdict {
  readonly answer: "reaches" | "does not reach" | "cannot say";
  readonly way: Way;
  /** In the order of the packets, there and back; empty where nothing decides. */
  readonly hops: readonly Hop[];
  /** `reaches`, or the first thing that is in the way. */
  readonly line: string;
  /** Commands that, all together, let it pass as far as groups go; empty when that is not what is in the way. */
  readonly remedies: readonly string[];
}

export function judge(filters: Filters, { from, to, protocol, port, throughService }: Path): Verdict {
  const way = wayOf(from, to, throughService);
  switch (way.kind) {
    case "none":
      return { answer: "does not reach", way, hops: [], line: `does not reach: ${way.why}`, remedies: [] };
    case "unknown":
      return { answer: "cannot say", way, hops: [], line: `cannot say: ${way.why}`, remedies: [] };
    case "node":
      return { answer: "reaches", way, hops: [], line: "reaches", remedies: [] };
    case "vpc":
      return throughVpc(filters, way, { protocol, port });
  }
}

function throughVpc(filters: Filters, way: VpcWay, asked: Pick<Flow, "protocol" | "port">): Verdict {
  const flow: Flow = {
    from: way.from,
    to: way.to,
    ...asked,
    ...(way.answersTo && { answersTo: way.answersTo }),
  };
  const hops = [...hopsOf(filters, flow, way.answers), ...demuxHops(way, flow)];
  const end = hops.find(isEnd);
  // What certainly ends the way does so whatever the rest would say.
  if (end !== undefined) {
    return {
      answer: "does not reach",
      way,
      hops,
      line: `does not reach: ${wordsOfEnd(end, flow)}`,
      remedies: hops.flatMap((hop) => (hop.kind === "no-rule" ? [remedyOf(flow, hop.at, hop.isEgress)] : [])),
    };
  }
  const unknown = hops.find(({ kind }) => kind === "unknown");
  if (unknown === undefined) return { answer: "reaches", way, hops, line: "reaches", remedies: [] };
  return { answer: "cannot say", way, hops, line: `cannot say: ${wordsOfUnknown(unknown)}`, remedies: [] };
}

/**
 * With early demultiplexing the node finds the socket that a packet belongs to before it is routed, and drops it when it
 * is to be forwarded: what a strict pod sends to a socket of its own node, which is to go by the VPC.
 */
function demuxHops({ demux }: VpcWay, { protocol }: Flow): readonly Hop[] {
  if (demux === undefined || protocol === "icmp" || !demux.protocols.includes(protocol)) return [];
  const { node } = demux;
  const direction = { isEgress: true, isAnswer: true };
  if (!node.earlyDemux.known) return [{ kind: "unknown", why: node.earlyDemux.why, ...direction }];
  return node.earlyDemux.value[protocol] ? [{ kind: "early-demux", node, protocol, ...direction }] : [];
}
