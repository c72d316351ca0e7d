import { type Fields, fieldsOf, isFields, itemsOf, textOf } from "../kubernetes/fields.ts";
import { CNI_NODES, type Feature, INSTANCE_ANNOTATION } from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Api, getFact, listFact } from "./api.ts";
import type { Fact } from "./fact.ts";

/** CNINodes: what nodes ask for, and what a controller has made for them. */

export interface CniNodeFact {
  /** The node's. */
  readonly name: string;
  readonly features: readonly Feature[];
  /** vpc-resource-controller, eks-auto-mode or branchline; undefined: vpc-resource-controller. */
  readonly managedBy: string | undefined;
  /** The annotation branchline.dev/instance-id. */
  readonly instance: string | undefined;
  /** status.trunkInterface; EKS's controller wrote none before the summer of 2026. */
  readonly trunk: TrunkFact | undefined;
  readonly conditions: readonly Condition[];
}

export interface TrunkFact {
  readonly id: string;
  readonly mac: string | undefined;
  readonly deviceIndex: number | undefined;
  readonly subnet: string | undefined;
  readonly branches: readonly TrunkBranch[];
}

/** A branch on a trunk, whether a pod has it, it cools, or it is kept warm. */
export interface TrunkBranch {
  readonly id: string;
  readonly vlan: number;
  readonly association: string | undefined;
  /** The namespace whose next pod it is kept warm for. */
  readonly warmFor: string | undefined;
  readonly mac: string | undefined;
  readonly groups: readonly string[];
  /** As address/length. */
  readonly addresses: readonly string[];
}

/** metav1.Condition. */
export interface Condition {
  readonly type: string;
  /** True, False or Unknown. */
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339; empty when it is not said. */
  readonly since: string;
}

export function readCniNodes(api: Api): Promise<Fact<readonly CniNodeFact[]>> {
  return listFact(api, CNI_NODE_FACTS);
}

/** Undefined: there is none of that name. */
export function readCniNode(api: Api, name: string): Promise<Fact<CniNodeFact | undefined>> {
  return getFact(api, CNI_NODE_FACTS, { name });
}

export const CNI_NODE_FACTS: Resource<CniNodeFact> = {
  ...CNI_NODES,
  read(object) {
    const { metadata, features = [], managedBy } = CNI_NODES.read(object);
    const { trunkInterface, conditions } = fieldsOf(fieldsOf(object)["status"]);
    return {
      name: metadata.name,
      features,
      managedBy,
      instance: metadata.annotations[INSTANCE_ANNOTATION],
      trunk: isFields(trunkInterface) ? trunkOf(trunkInterface) : undefined,
      conditions: conditionsOf(conditions),
    };
  },
};

/** status.conditions of any object. */
export function conditionsOf(value: unknown): readonly Condition[] {
  return itemsOf(value)
    .map(fieldsOf)
    .map((one) => ({
      type: textOf(one["type"]) ?? "",
      status: textOf(one["status"]) ?? "",
      reason: textOf(one["reason"]) ?? "",
      message: textOf(one["message"]) ?? "",
      since: textOf(one["lastTransitionTime"]) ?? "",
    }));
}

function trunkOf(trunk: Fields): TrunkFact {
  return {
    id: textOf(trunk["id"]) ?? "",
    mac: textOf(trunk["macAddress"]),
    deviceIndex: numberOf(trunk["deviceIndex"]),
    subnet: textOf(trunk["subnetID"]),
    branches: itemsOf(trunk["branches"]).map((branch) => branchOf(fieldsOf(branch))),
  };
}

function branchOf(branch: Fields): TrunkBranch {
  return {
    id: textOf(branch["id"]) ?? "",
    vlan: numberOf(branch["vlanID"]) ?? 0,
    association: textOf(branch["associationID"]),
    warmFor: textOf(branch["warmFor"]),
    mac: textOf(branch["macAddress"]),
    groups: textsIn(branch["securityGroups"]),
    addresses: [...textsIn(branch["ipv4CIDRs"]), ...textsIn(branch["ipv6CIDRs"])],
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function textsIn(value: unknown): readonly string[] {
  return itemsOf(value).flatMap((one) => textOf(one) ?? []);
}
