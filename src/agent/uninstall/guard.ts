import type { Resource } from "../../kubernetes/resource.ts";
import { type KubernetesObject, readMetadata } from "../../kubernetes/metadata.ts";
import { POD_ENI } from "../../kubernetes/objects.ts";

/**
 * The guard of an uninstalled cluster. Without our list a pod that asks for a branch would start with its node's groups,
 * so the API server denies such pods, from before the first list goes until somebody removes the guard.
 *
 * Objects of ours rather than a file in deploy/: the command makes them wherever it runs, and no other program does.
 */

/** The policy's name and its binding's. */
export const GUARD = "branchline-uninstall";

const IS_ASKED = (map: string) => `has(c.resources.${map}) && "${POD_ENI}" in c.resources.${map}`;

export const GUARD_POLICY = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: GUARD },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    },
    variables: [
      {
        name: "containers",
        expression:
          "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])",
      },
    ],
    validations: [
      {
        expression: `!variables.containers.exists(c, has(c.resources) && (${IS_ASKED("limits")} || ${IS_ASKED("requests")}))`,
        message: `branchline has been uninstalled, and a pod that asks for ${POD_ENI} would start with its node's security groups: delete the SecurityGroupPolicies that select it; or, once something attaches branches again, the ValidatingAdmissionPolicyBinding ${GUARD}`,
        reason: "Forbidden",
      },
    ],
  },
} as const;

export const GUARD_BINDING = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: GUARD },
  spec: { policyName: GUARD, validationActions: ["Deny"] },
} as const;

const read = (object: unknown): KubernetesObject => ({ metadata: readMetadata(object) });
const admission = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  isNamespaced: false,
  read,
} as const;

export const POLICIES: Resource<KubernetesObject> = {
  ...admission,
  plural: "validatingadmissionpolicies",
  kind: "ValidatingAdmissionPolicy",
};

export const BINDINGS: Resource<KubernetesObject> = {
  ...admission,
  plural: "validatingadmissionpolicybindings",
  kind: "ValidatingAdmissionPolicyBinding",
};
