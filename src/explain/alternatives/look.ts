import { type Ec2, readGroups, readRules } from "../../facts/ec2.ts";
import type { Fact } from "../../facts/fact.ts";
import type { Judged } from "../judged.ts";
import type { Path, Paths } from "../paths.ts";
import type { Situation } from "../situation.ts";
import { candidatesOf, findAlternatives, groupsOfPolicies } from "./find.ts";

/** Looks at the groups that a pod could have, where that may help. */

/** Nothing is asked where no path is refused for its node's groups. What cannot be read is not offered. */
export async function withAlternatives(ec2: Fact<Ec2>, situation: Situation, paths: Paths): Promise<Paths> {
  const { filters } = paths;
  if (filters === undefined || !filters.rules.known || !ec2.known) return paths;
  const offers = new Map<Path, readonly string[]>();
  for (const path of paths.paths) {
    const candidates = "wanted" in path ? candidatesOf(path, situation, filters) : undefined;
    if (candidates !== undefined) offers.set(path, candidates);
  }
  if (offers.size === 0) return paths;
  const ids = new Set([...[...offers.values()].flat(), ...groupsOfPolicies(situation)]);
  if (ids.size === 0) return paths;
  const [rules, groups] = await Promise.all([readRules(ec2.value, ids), readGroups(ec2.value, ids)]);
  if (!rules.known || !groups.known) return paths;
  const seen = new Set(filters.rules.value.map(({ id }) => id));
  const all = [...filters.rules.value, ...rules.value.filter(({ id }) => !seen.has(id))];
  const more = { ...filters, rules: { known: true, value: all } } as const;
  const offer = (path: Judged, candidates: readonly string[]): Judged => ({
    ...path,
    alternatives: findAlternatives(path, situation, more, { candidates, groups: groups.value }),
  });
  return {
    ...paths,
    paths: paths.paths.map((path) => {
      const candidates = offers.get(path);
      return candidates === undefined || !("wanted" in path) ? path : offer(path, candidates);
    }),
  };
}
