import { fieldsOf, isFields, itemsOf, textsByKey } from "../../kubernetes/fields.ts";
import { PODS } from "../../kubernetes/objects.ts";
import type { SelectedPod } from "../../policy/security-group-policy.ts";

/** What decides whether a pod that is being created has to ask for a branch. */

export interface ReviewedPod extends SelectedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly usesHostNetwork: boolean;
  /** Some container, init containers included, asks already. */
  readonly asksForBranch: boolean;
  /** Which maps its first container has. */
  readonly first: FirstContainer | undefined;
  /** A kubelet creates it. */
  readonly isByNode: boolean;
}

export interface FirstContainer {
  readonly hasResources: boolean;
  readonly hasLimits: boolean;
  readonly hasRequests: boolean;
}

/** `namespace` and `groups` are the request's: the object need not have its namespace yet. */
export function readPod(object: unknown, namespace: string, groups: readonly string[]): ReviewedPod {
  const { metadata, serviceAccount, usesHostNetwork, asksForBranch } = PODS.read(object);
  const spec = fieldsOf(fieldsOf(object)["spec"]);
  const [first] = itemsOf(spec["containers"]);
  return {
    namespace,
    labels: metadata.labels,
    annotations: metadata.annotations,
    serviceAccount,
    usesHostNetwork,
    asksForBranch,
    nodeSelector: textsByKey(spec["nodeSelector"]),
    first: isFields(first) ? mapsOf(first["resources"]) : undefined,
    isByNode: groups.includes("system:nodes"),
  };
}

function mapsOf(resources: unknown): FirstContainer {
  const { limits, requests } = fieldsOf(resources);
  return { hasResources: isFields(resources), hasLimits: isFields(limits), hasRequests: isFields(requests) };
}
