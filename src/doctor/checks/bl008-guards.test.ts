import { aPolicy, table } from "../../../test/unit/doctor.ts";
import { guards } from "./bl008-guards.ts";

const ALL = [
  "branchline-pod-annotation",
  "branchline-node-annotation",
  "branchline-selected-pods",
  "branchline-cninodes",
  "branchline-exempt-namespaces",
];

table(guards, {
  "all deny": {
    given: { policies: [aPolicy("web")], cniNodes: [], guards: new Map(ALL.map((name) => [name, ["Deny"]])) },
    result: "ok",
    found: "all 5 are there, and deny",
  },
  "missing, unbound, and only warning": {
    given: {
      policies: [aPolicy("web")],
      cniNodes: [],
      guards: new Map<string, readonly string[]>([
        ...ALL.slice(0, 2).map((name) => [name, ["Deny"]] as const),
        ["branchline-selected-pods", []],
        ["branchline-cninodes", ["Warn", "Audit"]],
      ]),
    },
    result: "problem",
    found: "3 of 5 guards missing or without effect",
    items: [
      "ValidatingAdmissionPolicy branchline-selected-pods has no binding, so it does nothing",
      "the binding of branchline-cninodes does not deny: Warn, Audit",
      "ValidatingAdmissionPolicy branchline-exempt-namespaces is not there",
    ],
  },
  "nothing to guard": {
    given: { policies: [], cniNodes: [], guards: new Map() },
    result: "skipped",
    found: "there is neither a SecurityGroupPolicy nor a CNINode",
  },
});
