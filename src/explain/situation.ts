import type { Fact } from "../facts/fact.ts";
import type { Instance, NetworkInterface, SecurityGroup, Subnet } from "../ec2/types.ts";
import type { PodFacts } from "./facts.ts";
import type { Selected } from "./policies.ts";

/** What EC2 says about one pod, besides paths. */
export interface Ec2Facts {
  /** Its branch; undefined: EC2 has no interface of that id. Skipped without a branch. */
  readonly branch: Fact<NetworkInterface | undefined>;
  /** Its node; undefined: EC2 has none of that id. */
  readonly instance: Fact<Instance | undefined>;
  /** Those of the groups that are named here which exist. */
  readonly groups: Fact<readonly SecurityGroup[]>;
  /** Where its branch is, or would be. */
  readonly subnet: Fact<Subnet | undefined>;
}

/** All that is known of a pod, from which follows what is wrong with it. */
export interface Situation {
  readonly facts: PodFacts;
  readonly selected: Fact<Selected>;
  readonly ec2: Ec2Facts;
}

/** Something that keeps a pod from its branch, or gives it other groups than its policies say. */
export interface Problem {
  /** It never changes: docs/explain.md has them all. */
  readonly code: ProblemCode;
  readonly line: string;
  readonly todo: string;
}

export const PROBLEM_CODES = [
  "annotation-unreadable",
  "branch-failed",
  "branch-missing",
  "branch-taken",
  "controller-denied",
  "fargate-groups",
  "group-missing",
  "group-quota",
  "interface-quota",
  "late-policy",
  "network-policy-not-enforced",
  "no-controller",
  "no-free-slot",
  "no-policy",
  "no-request",
  "node-network",
  "not-scheduled",
  "other-groups",
  "policy-unreadable",
  "refused",
  "subnet-full",
  "trunk-missing",
  "vlan-taken",
  "waiting",
] as const;

export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** Looks for one kind of problem. */
export type Finder = (situation: Situation) => readonly Problem[];
