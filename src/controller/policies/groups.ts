import type { SecurityGroup } from "../../ec2/types.ts";

/** What EC2 says of the groups that policies name. Pure. */

/** Of one id. */
export type GroupState =
  /** EC2 has it, in this VPC. */
  | { readonly state: "found"; readonly vpc: string }
  | { readonly state: "missing" }
  /** EC2 has not been asked about it yet. */
  | { readonly state: "unknown" };

export interface GroupFacts {
  readonly of: (id: string) => GroupState;
  /** Of the cluster; undefined while no node says so. */
  readonly vpc: string | undefined;
  /** Why EC2 has not said at the last try, with the action; undefined: it has, or was not asked yet. */
  readonly problem: string | undefined;
}

const UNKNOWN: GroupState = { state: "unknown" };
const MISSING: GroupState = { state: "missing" };

/** EC2 is asked about ids only: in a filter, a star would stand for any group. */
export function isGroupId(id: string): boolean {
  return /^sg-[0-9a-f]{8,17}$/.test(id);
}

/** By what EC2 answered when it was asked about `asked`. */
export function groupStates(
  asked: ReadonlySet<string>,
  answered: readonly SecurityGroup[],
): (id: string) => GroupState {
  const vpcs = new Map(answered.map(({ id, vpc }) => [id, vpc]));
  return (id) => {
    const vpc = vpcs.get(id);
    if (vpc !== undefined) return { state: "found", vpc };
    return asked.has(id) || !isGroupId(id) ? MISSING : UNKNOWN;
  };
}
