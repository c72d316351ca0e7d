import { type BranchInterface, type Ec2, readBranches, readGroups } from "../facts/ec2.ts";
import { type Fact, known, mapFact, unknown, valueOr } from "../facts/fact.ts";
import type { ClusterFacts, Scope } from "./facts.ts";
import type { AboutNodes, ApiFacts } from "./read.ts";

/** What EC2 says of the pods' branches. */
export type Ec2Facts = Pick<ClusterFacts, "interfaces" | "groupNames">;

/**
 * Branches that the CNINodes name: of a whole cluster they are read while the API server still lists pods. Of a namespace
 * they would be too many. Rejects with the signal's reason only.
 */
export async function readAhead(
  ec2: Fact<Ec2>,
  { cniNodes }: AboutNodes,
  scope: Scope,
): Promise<Fact<readonly BranchInterface[]>> {
  if (!ec2.known) return unknown(ec2.gap);
  if (scope.namespace !== undefined) return known([]);
  const named = valueOr(cniNodes, []).flatMap(({ trunk }) => trunk?.branches ?? []);
  return readBranches(
    ec2.value,
    named.map(({ id }) => id),
  );
}

/** `ahead`: what is known already. Rejects with the signal's reason only. */
export async function readEc2(
  ec2: Fact<Ec2>,
  { pods, policies, cniNodes }: Pick<ApiFacts, "pods" | "policies" | "cniNodes">,
  ahead: Fact<readonly BranchInterface[]>,
): Promise<Ec2Facts> {
  if (!ec2.known) return { interfaces: unknown(ec2.gap), groupNames: unknown(ec2.gap) };
  const interfaces = await interfacesOf(ec2.value, pods, ahead);
  const groups = new Set([
    ...valueOr(policies, []).flatMap(({ policy }) => policy.groups),
    ...[...valueOr(interfaces, new Map<string, BranchInterface>()).values()].flatMap((eni) => eni.groups),
    ...valueOr(cniNodes, []).flatMap(({ trunk }) => trunk?.branches.flatMap((one) => one.groups) ?? []),
  ]);
  const named = groups.size === 0 ? known([]) : await readGroups(ec2.value, groups);
  return {
    interfaces,
    groupNames: mapFact(named, (all) => new Map(all.map(({ id, name }) => [id, name]))),
  };
}

async function interfacesOf(
  ec2: Ec2,
  pods: ApiFacts["pods"],
  ahead: Fact<readonly BranchInterface[]>,
): Promise<ClusterFacts["interfaces"]> {
  if (!ahead.known) return unknown(ahead.gap);
  const byId = new Map(ahead.value.map((eni) => [eni.id, eni]));
  // Of one that EC2 has not shown it is asked again: it may have been made since.
  const others = valueOr(pods, []).flatMap(({ branch }) =>
    branch?.readable === true && !byId.has(branch.eniId) ? [branch.eniId] : [],
  );
  return mapFact(await readBranches(ec2, others), (found) => {
    for (const eni of found) byId.set(eni.id, eni);
    return byId;
  });
}
