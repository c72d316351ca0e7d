import type { Labels } from "../../policy/label-selector.ts";

/** What would give a pod groups of its own that are let in where its node's are not. */
export interface Alternative {
  /** `label`: a policy that there is would select a pod with these labels. `policy`: one that is to be made selects by them. */
  readonly kind: "label" | "policy";
  readonly policy: { readonly namespace: string; readonly name: string };
  /** Those that the pod lacks, or those of the new policy's selector. */
  readonly labels: Labels;
  /** All that the pod has then. */
  readonly groups: readonly string[];
  /** Of kubectl, in their order; some have several lines. */
  readonly commands: readonly string[];
  /** No controller makes the pod anew. */
  readonly isByHand: boolean;
}
