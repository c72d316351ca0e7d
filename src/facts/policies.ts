import { fieldsOf, itemsOf } from "../kubernetes/fields.ts";
import { readMetadata } from "../kubernetes/metadata.ts";
import { SECURITY_GROUP_POLICIES, SERVICE_ACCOUNTS } from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { SecurityGroupPolicy } from "../policy/security-group-policy.ts";
import { type Api, getFact, listFact } from "./api.ts";
import { type Condition, conditionsOf } from "./cni-nodes.ts";
import type { Fact } from "./fact.ts";

/** SecurityGroupPolicies, and the ServiceAccounts that they may select by. */

export interface PolicyFact {
  readonly policy: SecurityGroupPolicy;
  /** RFC 3339, to the second. */
  readonly createdAt: string;
  /** Of the policy as it is now. None on EKS, whose policies have no status. */
  readonly conditions: readonly Condition[];
}

export interface ServiceAccountFact {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
}

export function readPolicies(api: Api, namespace?: string): Promise<Fact<readonly PolicyFact[]>> {
  return listFact(api, POLICY_FACTS, namespace === undefined ? {} : { namespace });
}

/** Needed only where a policy has a serviceAccountSelector (`asksForServiceAccount`). */
export function readServiceAccounts(
  api: Api,
  namespace?: string,
): Promise<Fact<readonly ServiceAccountFact[]>> {
  return listFact(api, SERVICE_ACCOUNT_FACTS, namespace === undefined ? {} : { namespace });
}

/** Undefined: there is none of that name. */
export function readServiceAccount(
  api: Api,
  namespace: string,
  name: string,
): Promise<Fact<ServiceAccountFact | undefined>> {
  return getFact(api, SERVICE_ACCOUNT_FACTS, { namespace, name });
}

export const POLICY_FACTS: Resource<PolicyFact> = {
  ...SECURITY_GROUP_POLICIES,
  read(object) {
    const { metadata, policy } = SECURITY_GROUP_POLICIES.read(object);
    const { conditions } = fieldsOf(fieldsOf(object)["status"]);
    const { generation } = fieldsOf(fieldsOf(object)["metadata"]);
    const current = itemsOf(conditions).filter((one) => fieldsOf(one)["observedGeneration"] === generation);
    return { policy, createdAt: metadata.creationTimestamp, conditions: conditionsOf(current) };
  },
};

export const SERVICE_ACCOUNT_FACTS: Resource<ServiceAccountFact> = {
  ...SERVICE_ACCOUNTS,
  read(object) {
    const { namespace, name, labels } = readMetadata(object);
    return { namespace, name, labels };
  },
};
