import type { Filters, Flow } from "./facts.ts";
import { type Hop, hopsOf, isEnd } from "./hops.ts";
import type { Place } from "./places.ts";
import { remedyOf } from "./remedy.ts";
import { type Way, wayOf } from "./way.ts";
import { wordsOfEnd, wordsOfUnknown } from "./words.ts";

/** Whether one place reaches another, and why. Pure: it knows what it is given, and says what it was not. */

export interface Path {
  readonly from: Place;
  readonly to: Place;
  readonly protocol: Flow["protocol"];
  readonly port: number;
  /** By the address of a ClusterIP Service, of which `to` is an endpoint. */
  readonly throughService: boolean;
}

export interface Verdict {
  readonly answer: "reaches" | "does not reach" | "cannot say";
  readonly way: Way;
  /** Empty unless the way is through the VPC. */
  readonly hops: readonly Hop[];
  /** `reaches`, or the first thing that is in the way. */
  readonly line: string;
  /** Commands that, all together, let it pass as far as groups go; empty when that is not what is in the way. */
  readonly remedies: readonly string[];
}

export function judge(filters: Filters, { from, to, protocol, port, throughService }: Path): Verdict {
  const way = wayOf(from, to, throughService);
  if (way.kind === "none")
    return { answer: "does not reach", way, hops: [], line: `does not reach: ${way.why}`, remedies: [] };
  if (way.kind === "node") return { answer: "reaches", way, hops: [], line: "reaches", remedies: [] };
  const flow: Flow = { from: way.from, to: way.to, protocol, port };
  const hops = hopsOf(filters, flow);
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
