import type { Filters, Flow } from "./facts.ts";
import { type Hop, hopsBack, hopsThere, isEnd } from "./hops.ts";
import type { Place, Source } from "./places.ts";
import { policyHops } from "./policy-hops.ts";
import { serviceProblem } from "./service.ts";
import { remedyOf } from "./remedy.ts";
import { type VpcWay, type Way, wayOf } from "./way.ts";
import { wordsOfEnd } from "./words.ts";

/** Whether one place reaches another, and why. Pure: it knows what it is given, and says what it was not. */

export interface Path {
  readonly from: Source;
  readonly to: Place;
  readonly protocol: Flow["protocol"];
  readonly port: number;
  /** By the address of a ClusterIP Service, of which `to` is an endpoint. */
  readonly throughService: boolean;
  /** That address; undefined when it is not known. */
  readonly serviceAddress?: string;
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

export function judge(filters: Filters, path: Path): Verdict {
  const { protocol, port } = path;
  const way = wayOfPath(path);
  switch (way.kind) {
    case "none":
      return { answer: "does not reach", way, hops: [], line: `does not reach: ${way.why}`, remedies: [] };
    case "unknown":
      return { answer: "cannot say", way, hops: [], line: `cannot say: ${way.why}`, remedies: [] };
    case "node": {
      const hops = [true, false].flatMap((isEgress) => policyHops(filters, path, way.source, isEgress));
      return verdictOf(way, hops, undefined);
    }
    case "vpc": {
      const answersTo = way.answersTo === undefined ? {} : { answersTo: way.answersTo };
      const flow: Flow = { from: way.from, to: way.to, protocol, port, ...answersTo };
      const hops = [
        ...policyHops(filters, path, way.from.address, true),
        ...hopsThere(filters, flow),
        ...policyHops(filters, path, way.from.address, false),
        // The pod's first packet to a socket of its node: of its own call that comes after an answer.
        ...(isFromNode(path) ? demuxHops(way, flow) : []),
        ...(way.answers === "vpc" ? hopsBack(filters, flow) : []),
        ...(isFromNode(path) ? [] : demuxHops(way, flow)),
      ];
      return verdictOf(way, hops, flow);
    }
  }
}

function wayOfPath({ from, to, protocol, throughService, serviceAddress }: Path): Way {
  const why = throughService ? serviceProblem(from, protocol, serviceAddress) : undefined;
  return why === undefined ? wayOf(from, to, throughService) : { kind: "none", why };
}

/** `flow`: through the VPC, if it goes there. */
function verdictOf(way: Way, hops: readonly Hop[], flow: Flow | undefined): Verdict {
  const end = hops.find(isEnd);
  // What certainly ends the way does so whatever the rest would say.
  if (end !== undefined) {
    return {
      answer: "does not reach",
      way,
      hops,
      line: `does not reach: ${wordsOfEnd(end)}`,
      remedies: hops.flatMap((hop) =>
        hop.kind === "no-rule" && flow !== undefined ? [remedyOf(flow, hop.at, hop.isEgress)] : [],
      ),
    };
  }
  const unknown = hops.find((hop) => hop.kind === "unknown");
  if (unknown === undefined) return { answer: "reaches", way, hops, line: "reaches", remedies: [] };
  return { answer: "cannot say", way, hops, line: `cannot say: ${unknown.why}`, remedies: [] };
}

function isFromNode({ from }: Path): boolean {
  return from.kind === "node";
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
