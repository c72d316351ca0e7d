import { describe, expect, it } from "vitest";
import { groupsOfPod } from "../policy/groups-of-pod.ts";
import { CNI_NODES, NETWORK_POLICIES, PODS, SECURITY_GROUP_POLICIES } from "./objects.ts";

const limit = (value: unknown) => ({ resources: { limits: { "vpc.amazonaws.com/pod-eni": value } } });

describe("a pod", () => {
  it.each([
    ["a limit", { containers: [limit("1")] }, true],
    ["a number", { containers: [limit(1)] }, true],
    ["a limit of an init container", { containers: [{}], initContainers: [limit("1")] }, true],
    ["a limit of the second container", { containers: [{}, limit("1")] }, true],
    [
      "a request alone",
      { containers: [{ resources: { requests: { "vpc.amazonaws.com/pod-eni": "1" } } }] },
      true,
    ],
    ["a limit of none", { containers: [limit("0")] }, false],
    ["another resource", { containers: [{ resources: { limits: { cpu: "1" } } }] }, false],
    ["no containers", {}, false],
    ["null", { containers: null }, false],
  ])("with %s", (_what, spec, asks) => expect(PODS.read({ spec }).asksForBranch).toBe(asks));

  it.each([undefined, null, 5, "x", [], {}, { metadata: 5, spec: [], status: "x" }])("%j is read", (object) =>
    expect(PODS.read(object)).toMatchObject({
      node: "",
      usesHostNetwork: false,
      metadata: { name: "", labels: {} },
    }),
  );
});

describe("a SecurityGroupPolicy", () => {
  const read = (spec: object) =>
    SECURITY_GROUP_POLICIES.read({ metadata: { namespace: "shop", name: "p" }, spec });
  const selects = (spec: object) =>
    groupsOfPod([read(spec).policy], { namespace: "shop", labels: { a: "b" }, serviceAccount: "x" }, {})
      .selecting.length === 1;
  const securityGroups = { groupIds: ["sg-1"] };

  it("with an empty selector selects every pod, with a null one none", () => {
    expect(selects({ podSelector: {}, securityGroups })).toBe(true);
    expect(selects({ podSelector: null, securityGroups })).toBe(false);
    expect(selects({ podSelector: null, serviceAccountSelector: {}, securityGroups })).toBe(true);
  });

  it("keeps an operator that it does not know: whether it selects is then undecided", () => {
    const podSelector = { matchExpressions: [{ key: "a", operator: "Is", values: ["b"] }] };
    const { undecided } = groupsOfPod(
      [read({ podSelector, securityGroups }).policy],
      { namespace: "shop", labels: {}, serviceAccount: "x" },
      {},
    );
    expect(undecided).toHaveLength(1);
  });
});

it("a NetworkPolicy without a selector selects every pod", () =>
  expect(NETWORK_POLICIES.read({ spec: {} }).podSelector).toEqual({}));

it("a CNINode tells an empty list of features from none", () => {
  expect(CNI_NODES.read({ spec: { features: [] } }).features).toEqual([]);
  expect(CNI_NODES.read({ spec: {} }).features).toBeUndefined();
  expect(
    CNI_NODES.read({ status: { trunkInterface: { id: "eni-1", macAddress: "02:00:00:00:00:01" } } }).trunk,
  ).toEqual({ id: "eni-1", mac: "02:00:00:00:00:01" });
});
