import { defineCheck, ok, problem, skipped } from "../check.ts";

/** As in deploy/admission. */
const GUARDS = [
  "branchline-pod-annotation",
  "branchline-node-annotation",
  "branchline-selected-pods",
  "branchline-cninodes",
  "branchline-exempt-namespaces",
];

export const guards = defineCheck({
  code: "BL008",
  title: "The guards of branchline are in the API server",
  why: "The guards are ValidatingAdmissionPolicies. They deny what would give a pod other groups than its policies say: a forged annotation, a selected pod that asks for no branch, the CNINode of another node.",
  todo: "Set controller.enabled in the chart, which installs them; or kubectl apply -f each deploy/admission/guard-*.yaml (docs/security.md says what each refuses).",
  place: "cluster",
  needs: ["guards", "policies", "cniNodes"],
  judge({ guards: present, policies, cniNodes }) {
    if (policies.length === 0 && cniNodes.length === 0)
      return skipped("there is neither a SecurityGroupPolicy nor a CNINode");
    const missing = GUARDS.flatMap((name) => {
      const actions = present.get(name);
      if (actions === undefined) return [`ValidatingAdmissionPolicy ${name} is not there`];
      if (actions.length === 0)
        return [`ValidatingAdmissionPolicy ${name} has no binding, so it does nothing`];
      return actions.includes("Deny") ? [] : [`the binding of ${name} does not deny: ${actions.join(", ")}`];
    });
    if (missing.length === 0) return ok(`all ${GUARDS.length} are there, and deny`);
    return problem(`${missing.length} of ${GUARDS.length} guards missing or without effect`, missing);
  },
});
