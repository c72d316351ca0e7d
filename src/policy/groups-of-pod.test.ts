import { describe, expect, it } from "vitest";
import { asksForServiceAccount, groupsOfPod } from "./groups-of-pod.ts";
import type { SecurityGroupPolicy } from "./security-group-policy.ts";

const pod = { namespace: "shop", labels: { app: "web" }, serviceAccount: "cashier" };
const policy = (name: string, more: Partial<SecurityGroupPolicy> = {}): SecurityGroupPolicy => ({
  namespace: "shop",
  name,
  podSelector: { matchLabels: { app: "web" } },
  groups: ["sg-1"],
  ...more,
});
const bySa = (labels: Record<string, string>) => {
  const { podSelector: _, ...rest } = policy("by-sa");
  return { ...rest, serviceAccountSelector: { matchLabels: labels } };
};

describe("groupsOfPod", () => {
  it("is the union, each group once, in the order of names", () => {
    const found = groupsOfPod(
      [policy("b", { groups: ["sg-2", "sg-1"] }), policy("a", { groups: ["sg-3", "sg-2"] })],
      pod,
      undefined,
    );
    expect(found).toEqual({
      groups: ["sg-3", "sg-2", "sg-1"],
      selecting: ["shop/a", "shop/b"],
      undecided: [],
      passedOver: [],
    });
  });

  it("ignores other namespaces", () =>
    expect(groupsOfPod([policy("a", { namespace: "other" })], pod, undefined)).toEqual({
      groups: [],
      selecting: [],
      undecided: [],
      passedOver: [],
    }));

  it.each([
    ["no groups", policy("a", { groups: [] }), "spec.securityGroups.groupIds is empty"],
    [
      "no selector",
      { namespace: "shop", name: "a", groups: ["sg-1"] },
      "it has neither spec.podSelector nor spec.serviceAccountSelector",
    ],
    [
      "other labels",
      policy("a", { podSelector: { matchLabels: { app: "db" } } }),
      'spec.podSelector.matchLabels asks for app=db, it is "web"',
    ],
  ])("passes over a policy with %s", (_what, of, why) => {
    const { groups, passedOver } = groupsOfPod([of], pod, undefined);
    expect({ groups, passedOver }).toEqual({ groups: [], passedOver: [{ policy: "shop/a", why }] });
  });

  it("an empty podSelector selects every pod", () =>
    expect(
      groupsOfPod([policy("a", { podSelector: {} })], { ...pod, labels: {} }, undefined).selecting,
    ).toEqual(["shop/a"]));

  it("by the labels of the ServiceAccount, not the pod's", () => {
    expect(groupsOfPod([bySa({ team: "till" })], pod, { team: "till" }).selecting).toEqual(["shop/by-sa"]);
    expect(groupsOfPod([bySa({ app: "web" })], pod, { team: "till" }).selecting).toEqual([]);
  });

  it("with both selectors, both have to match", () => {
    const both = { ...policy("both"), serviceAccountSelector: { matchLabels: { team: "till" } } };
    expect(groupsOfPod([both], pod, { team: "till" }).selecting).toEqual(["shop/both"]);
    expect(groupsOfPod([both], pod, {}).selecting).toEqual([]);
    expect(groupsOfPod([both], { ...pod, labels: {} }, { team: "till" }).selecting).toEqual([]);
  });

  it("is undecided while the ServiceAccount's labels are not known, unless the pod's exclude it", () => {
    const why = "spec.serviceAccountSelector: the labels of ServiceAccount cashier are not known";
    expect(groupsOfPod([bySa({ team: "till" })], pod, undefined).undecided).toEqual([
      { policy: "shop/by-sa", why },
    ]);
    const both = { ...policy("both"), serviceAccountSelector: {} };
    expect(groupsOfPod([both], { ...pod, labels: {} }, undefined).undecided).toEqual([]);
  });

  it("is undecided about a policy with an invalid selector, and still names the groups of the others", () => {
    const broken = policy("broken", { podSelector: { matchExpressions: [{ key: "app", operator: "is" }] } });
    const found = groupsOfPod([broken, policy("whole")], pod, undefined);
    expect(found.groups).toEqual(["sg-1"]);
    expect(found.undecided.map((verdict) => verdict.policy)).toEqual(["shop/broken"]);
  });
});

it("asksForServiceAccount looks at the pod's namespace only", () => {
  expect(asksForServiceAccount([policy("a"), bySa({})], "shop")).toBe(true);
  expect(asksForServiceAccount([policy("a"), bySa({})], "other")).toBe(false);
  expect(asksForServiceAccount([policy("a")], "shop")).toBe(false);
});
