import type { End } from "./facts.ts";

/** Where connections begin and end in a cluster. */

/** How a pod is connected: `none` has an address of its node's interfaces, the others have a branch. */
export type Attachment = "none" | "direct" | "routed standard" | "routed strict";

export interface PodPlace {
  readonly kind: "pod";
  /** NAMESPACE/NAME. */
  readonly name: string;
  readonly attachment: Attachment;
  /** Its address, and the interface that has it: the branch, or one of its node's. */
  readonly end: End;
  /** The primary plugin's address, which a direct pod keeps on host0; undefined for others. */
  readonly host0: End | undefined;
  readonly node: NodePlace;
}

export interface NodePlace {
  readonly kind: "node";
  readonly name: string;
  /** Its primary address and interface. */
  readonly end: End;
  /** What leaves the VPC gets the node's address: aws-node without AWS_VPC_K8S_CNI_EXTERNALSNAT. */
  readonly doesNat: boolean;
}

/** A database, a machine, a host on the internet. */
export interface AddressPlace {
  readonly kind: "address";
  /** As it was asked for, such as orders.example.com. */
  readonly name: string;
  readonly end: End;
  readonly isInVpc: boolean;
}

export type Place = PodPlace | NodePlace | AddressPlace;
