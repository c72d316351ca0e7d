import type { PatchStep } from "../kubernetes/client.ts";
import type { CniNode } from "../kubernetes/objects.ts";

/**
 * The feature of a CNINode that asks for a trunk. EKS binds pods that ask for a branch to a node once it has one, so the
 * feature comes after the list that serves them.
 */
export const FEATURE = "SecurityGroupsForPods";

/** The patch that adds the feature, for this version of the object only; undefined if it is there. */
export function featurePatch({ metadata, hasSpec, features }: CniNode): readonly PatchStep[] | undefined {
  if (features?.some(({ name }) => name === FEATURE) === true) return undefined;
  const feature = { name: FEATURE };
  return [
    { op: "test", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
    ...(hasSpec ? [] : [{ op: "add", path: "/spec", value: {} } as const]),
    features === undefined
      ? { op: "add", path: "/spec/features", value: [feature] }
      : { op: "add", path: "/spec/features/-", value: feature },
  ];
}
