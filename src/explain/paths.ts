import type { Api } from "../facts/api.ts";
import type { Ec2 } from "../facts/ec2.ts";
import { type Fact, type Gap, gapsOf, skipped } from "../facts/fact.ts";
import type { PodFacts } from "./facts.ts";
import type { Filters } from "../verdict/facts.ts";
import { cidrsIn, crossesSubnets, lookAtFilters, lookAtRouteTables } from "./filters.ts";
import { type Judged, judgeAll } from "./judged.ts";
import { lookAtNetwork, type Network, type Own } from "./network.ts";
import type { Settled, Target, Wanted } from "./party.ts";
import { type Around, placesOf } from "./places.ts";

/** Looks at what paths meet, and judges them. */

export type Path = Judged | Settled;

export interface Paths {
  /** In the order of the targets. */
  readonly paths: readonly Path[];
  readonly gaps: readonly Gap[];
  /** By what they were judged; absent when none was. */
  readonly filters?: Filters;
}

export async function lookAtPaths(
  api: Api,
  ec2: Fact<Ec2>,
  facts: PodFacts,
  own: Own,
  targets: readonly Target[],
): Promise<Paths> {
  const wanted = targets.filter((target) => target.kind === "wanted");
  const settled = targets.filter((target) => target.kind === "settled");
  if (wanted.length === 0) return { paths: settled, gaps: [] };
  const network = await lookAtNetwork(api, ec2, { name: facts.pod.node, ...own }, wanted);
  let routeTables = isAllSeen(network, wanted)
    ? skipped("route tables", "no path here leaves a subnet")
    : await lookAtRouteTables(ec2, network.vpc);
  const around: Around = { facts, network, vpcCidrs: cidrsIn(routeTables) };
  const ends = wanted.map((one) => ({
    wanted: one,
    from: placesOf(one.from, one, around),
    to: placesOf(one.to, one, around),
  }));
  const places = ends.flatMap(({ from, to }) => [...from.places, ...to.places]);
  if (!routeTables.known && routeTables.gap.reason === "skipped" && crossesSubnets(places))
    routeTables = await lookAtRouteTables(ec2, network.vpc);
  const { filters, facts: looked } = await lookAtFilters(api, ec2, facts, { places, routeTables });
  const judged = new Map(ends.map((one) => [one.wanted, judgeAll(filters, one.wanted, one.from, one.to)]));
  const { branches, byAddress, instances, nodes } = network;
  return {
    paths: targets.flatMap((target): readonly Path[] =>
      target.kind === "settled" ? [target] : [judged.get(target) ?? []].flat(),
    ),
    filters,
    gaps: gapsOf([...nodes.values(), branches, byAddress, instances, ...looked]),
  };
}

/** Each address is some interface's of the VPC: whether it is of the VPC at all need not be asked. */
function isAllSeen({ byAddress }: Network, wanted: readonly Wanted[]): boolean {
  const parties = wanted.flatMap(({ from, to }) => [from, to]);
  return parties.every(
    (party) => party.kind !== "address" || (byAddress.known && byAddress.value.has(party.address)),
  );
}
