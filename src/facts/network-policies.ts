import { fieldsOf, itemsOf, textOf } from "../kubernetes/fields.ts";
import { NETWORK_POLICIES } from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { LabelSelector } from "../policy/label-selector.ts";
import { type Api, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

export interface NetworkPolicyFact {
  readonly namespace: string;
  readonly name: string;
  readonly podSelector: LabelSelector;
  /** Ingress, Egress; the API server fills it in. */
  readonly types: readonly string[];
}

export function readNetworkPolicies(
  api: Api,
  namespace?: string,
): Promise<Fact<readonly NetworkPolicyFact[]>> {
  return listFact(api, NETWORK_POLICY_FACTS, namespace === undefined ? {} : { namespace });
}

export const NETWORK_POLICY_FACTS: Resource<NetworkPolicyFact> = {
  ...NETWORK_POLICIES,
  read(object) {
    const { metadata, podSelector } = NETWORK_POLICIES.read(object);
    const { policyTypes } = fieldsOf(fieldsOf(object)["spec"]);
    return {
      namespace: metadata.namespace,
      name: metadata.name,
      podSelector,
      types: itemsOf(policyTypes).flatMap((type) => textOf(type) ?? []),
    };
  },
};
