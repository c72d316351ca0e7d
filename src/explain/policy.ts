import { POLICY_FACTS, type PolicyFact } from "../facts/policies.ts";
import { fieldsOf } from "../kubernetes/fields.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { writtenAt } from "./pod.ts";

/** A SecurityGroupPolicy, and when its spec was last written. */
export interface ExplainedPolicy extends PolicyFact {
  /** RFC 3339, to the second; that of its creation when the API server does not say. */
  readonly changedAt: string;
}

export const EXPLAINED_POLICIES: Resource<ExplainedPolicy> = {
  ...POLICY_FACTS,
  read(object) {
    const fact = POLICY_FACTS.read(object);
    const changed = writtenAt(fieldsOf(fieldsOf(object)["metadata"]), ["f:spec"]);
    return { ...fact, changedAt: changed ?? fact.createdAt };
  },
};
