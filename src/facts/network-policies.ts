import { type Fields, fieldsOf, isFields, itemsOf, textOf } from "../kubernetes/fields.ts";
import { NETWORK_POLICIES, readSelector } from "../kubernetes/objects.ts";
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
  readonly ingress: readonly NetworkPolicyRule[];
  readonly egress: readonly NetworkPolicyRule[];
}

export interface NetworkPolicyRule {
  /** Whom it is for; undefined or empty: everybody. */
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
  /** Undefined or empty: all. */
  readonly ports: readonly NetworkPolicyPort[] | undefined;
}

export type NetworkPolicyPeer =
  | { readonly kind: "block"; readonly cidr: string; readonly except: readonly string[] }
  /** Without a selector of namespaces: pods of the policy's own. */
  | {
      readonly kind: "pods";
      readonly podSelector: LabelSelector | undefined;
      readonly namespaceSelector: LabelSelector | undefined;
    };

export interface NetworkPolicyPort {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  /** A number, or the name of a container's port; undefined: all. */
  readonly port: number | string | undefined;
  readonly endPort: number | undefined;
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
    const { policyTypes, ingress, egress } = fieldsOf(fieldsOf(object)["spec"]);
    return {
      namespace: metadata.namespace,
      name: metadata.name,
      podSelector,
      types: itemsOf(policyTypes).flatMap((type) => textOf(type) ?? []),
      ingress: itemsOf(ingress).map((rule) => ruleOf(fieldsOf(rule), "from")),
      egress: itemsOf(egress).map((rule) => ruleOf(fieldsOf(rule), "to")),
    };
  },
};

function ruleOf(rule: Fields, side: "from" | "to"): NetworkPolicyRule {
  const { [side]: peers, ports } = rule;
  return {
    peers: Array.isArray(peers) ? peers.map((peer) => peerOf(fieldsOf(peer))) : undefined,
    ports: Array.isArray(ports) ? ports.map((port) => portOf(fieldsOf(port))) : undefined,
  };
}

function peerOf({ ipBlock, podSelector, namespaceSelector }: Fields): NetworkPolicyPeer {
  if (isFields(ipBlock)) {
    const { cidr, except } = ipBlock;
    return {
      kind: "block",
      cidr: textOf(cidr) ?? "",
      except: itemsOf(except).flatMap((one) => textOf(one) ?? []),
    };
  }
  return {
    kind: "pods",
    podSelector: readSelector(podSelector),
    namespaceSelector: readSelector(namespaceSelector),
  };
}

function portOf({ protocol, port, endPort }: Fields): NetworkPolicyPort {
  return {
    protocol: protocol === "UDP" || protocol === "SCTP" ? protocol : "TCP",
    port: typeof port === "number" || typeof port === "string" ? port : undefined,
    endPort: typeof endPort === "number" ? endPort : undefined,
  };
}
