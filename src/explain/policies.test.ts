import { expect, it } from "vitest";
import { ANNOTATED, aPod, aPodWithout, aPolicy, LATER, MADE } from "../../test/unit/explained.ts";
import { selectedBy } from "./policies.ts";

const shown = (...[pod, policies, labels]: Parameters<typeof selectedBy>) =>
  selectedBy(pod, policies, labels).findings.map(({ policy, selection, why }) => [
    policy.policy.name,
    selection,
    why,
  ]);

it("says of each policy of the namespace whether it selects the pod, and why not", () => {
  const policies = [
    aPolicy("db", ["sg-db"], { podSelector: { matchLabels: { app: "db" } } }),
    aPolicy("web"),
    aPolicy("till", ["sg-till"], { serviceAccountSelector: { matchLabels: { team: "till" } } }),
    aPolicy("broken", ["sg-x"], { podSelector: { matchExpressions: [{ key: "app", operator: "in" }] } }),
    aPolicy("none", []),
  ];
  expect(shown(aPod(), policies, { team: "shop" })).toEqual([
    ["web", "selects", ""],
    ["broken", "maybe", expect.stringContaining('operator "in" is none of')],
    ["db", "no", 'spec.podSelector.matchLabels asks for app=db, it is "web"'],
    ["none", "no", "spec.securityGroups.groupIds is empty"],
    ["till", "no", 'spec.serviceAccountSelector.matchLabels asks for team=till, it is "shop"'],
  ]);
});

it("names those of other namespaces that would select it, and counts the others", () => {
  const policies = [
    aPolicy("web", ["sg-1"], { namespace: "data" }),
    aPolicy("db", ["sg-1"], { namespace: "data", podSelector: { matchLabels: { app: "db" } } }),
    aPolicy("sa", ["sg-1"], { namespace: "data", serviceAccountSelector: {} }),
  ];
  const { findings, others, groups } = selectedBy(aPod(), policies, {});
  expect(findings.map(({ policy, selection }) => [policy.policy.name, selection])).toEqual([
    ["web", "elsewhere"],
  ]);
  expect([others, groups]).toEqual([2, []]);
});

it.each([
  [
    "without a request, when it is older than the policy",
    aPodWithout({ asksForBranch: false }),
    LATER,
    "late",
  ],
  ["without a request, of the same second", aPodWithout({ asksForBranch: false }), MADE, "selects"],
  ["that waits, however old the policy is", aPodWithout(), LATER, "selects"],
  ["with a branch that is older than the policy", aPod(), LATER, "late"],
  ["with a branch of the same second", aPod(), ANNOTATED, "selects"],
  ["with a branch of which nobody says when it was made", aPod({ annotatedAt: undefined }), LATER, "selects"],
])("a policy is late for a pod %s", (_what, pod, createdAt, selection) =>
  expect(shown(pod, [aPolicy("web", ["sg-web"], { createdAt })], undefined)[0]?.[1]).toBe(selection),
);

it("a policy that was changed after the branch selects the pod, and says so", () =>
  expect(shown(aPod(), [aPolicy("web", ["sg-web"], { changedAt: LATER })], undefined)).toEqual([
    ["web", "selects", `it was changed at ${LATER}, after the pod's branch was made (${ANNOTATED})`],
  ]));
