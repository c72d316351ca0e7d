import { describe, expect, it } from "vitest";
import { PODS, type Pod } from "../../kubernetes/objects.ts";
import type { PodGroups } from "../../policy/groups-of-pod.ts";
import { type Decision, type Facts, decide } from "./decide.ts";

const annotationOf = (eniId: string, vlanId = 7) =>
  JSON.stringify([
    { eniId, ifAddress: "02:b1:00:00:00:07", privateIp: "10.0.0.20", vlanId, subnetCidr: "10.0.0.0/24" },
  ]);

interface PodIs {
  readonly annotation?: string;
  readonly asks?: boolean;
  readonly uid?: string;
  readonly name?: string;
  readonly phase?: string;
  readonly hostNetwork?: boolean;
  readonly deleted?: boolean;
}

function podOf({
  annotation,
  asks = false,
  uid = "u1",
  name = "web-0",
  phase,
  hostNetwork,
  deleted,
}: PodIs): Pod {
  return PODS.read({
    metadata: {
      namespace: "shop",
      name,
      uid,
      ...(annotation !== undefined && { annotations: { "vpc.amazonaws.com/pod-eni": annotation } }),
      ...(deleted === true && { deletionTimestamp: "2026-11-28T00:00:00Z" }),
    },
    spec: {
      hostNetwork,
      containers: [{ resources: asks ? { limits: { "vpc.amazonaws.com/pod-eni": "1" } } : {} }],
    },
    status: { phase },
  });
}

const none: PodGroups = { groups: [], selecting: [], undecided: [], passedOver: [] };
const selected: PodGroups = { ...none, groups: ["sg-1"], selecting: ["shop/p", "shop/q"] };
const unsure: PodGroups = { ...none, undecided: [{ policy: "shop/r", why: 'operator "is" is unknown' }] };

function decided(pod: PodIs, more: Partial<Facts> = {}): Decision {
  return decide({
    pod: podOf(pod),
    others: [],
    policies: none,
    networkPolicies: { enforced: "none" },
    datapath: "direct",
    obstacle: "",
    unrequested: "refuse",
    ...more,
  });
}

const annotation = annotationOf("eni-0b1");
const branch = (datapath: string) => ({ answer: "branch", annotation, datapath });

describe("decide", () => {
  it.each<[string, PodIs, Partial<Facts>, object]>([
    ["a pod that nothing selects", {}, {}, { answer: "none" }],
    ["… before its policies were looked at", {}, { policies: undefined }, { answer: "look" }],
    [
      "a pod of the node's network",
      { hostNetwork: true, asks: true },
      { policies: selected },
      { answer: "none" },
    ],
    ["an annotation", { asks: true, annotation }, {}, branch("direct")],
    [
      "an annotation, for which no policy is needed",
      { asks: true, annotation },
      { policies: undefined },
      branch("direct"),
    ],
    ["an annotation without a limit", { annotation }, {}, branch("direct")],
    [
      "an annotation that cannot be read, for the plugin to refuse",
      { annotation: "x" },
      {},
      { answer: "branch", annotation: "x", datapath: "direct" },
    ],
    [
      "a limit alone",
      { asks: true },
      {},
      { answer: "wait", reason: "waiting for the annotation vpc.amazonaws.com/pod-eni" },
    ],
    [
      "a limit, and something is missing",
      { asks: true },
      { obstacle: "no trunk yet" },
      { answer: "wait", reason: "no trunk yet" },
    ],
    [
      "a pod that is being deleted",
      { asks: true, annotation, deleted: true },
      {},
      { answer: "refused", reason: "pod shop/web-0 is being deleted" },
    ],
    [
      "a pod that a policy selects, which is let go",
      {},
      { policies: selected, unrequested: "allow" },
      { answer: "none" },
    ],
  ])("%s", (_what, pod, more, expected) => expect(decided(pod, more)).toEqual(expected));

  it("refuses a pod that a policy selects and that asks for nothing, by both names", () => {
    const { reason } = decided({}, { policies: selected }) as { reason: string };
    expect(reason).toContain("SecurityGroupPolicy shop/p, shop/q selects pod shop/web-0");
    expect(reason).toContain("no container of it has the limit vpc.amazonaws.com/pod-eni");
  });

  it("refuses a pod that a policy may select, with the reason", () =>
    expect(decided({}, { policies: unsure })).toEqual({
      answer: "refused",
      reason:
        'SecurityGroupPolicy shop/r may select pod shop/web-0: operator "is" is unknown; correct the policy',
    }));

  describe("an ENI that another pod of the node has", () => {
    const other = (is: PodIs) => ({
      others: [podOf({ name: "db-0", uid: "u2", annotation: annotationOf("eni-0b1", 9), ...is })],
    });

    it("is refused, by both names", () =>
      expect(decided({ annotation }, other({}))).toEqual({
        answer: "refused",
        reason: "eni-0b1 of pod shop/web-0 is the branch of pod shop/db-0 as well, which lives on this node",
      }));

    it.each<[string, PodIs]>([
      ["has finished", { phase: "Succeeded" }],
      ["has failed", { phase: "Failed" }],
      ["is the pod itself", { uid: "u1" }],
      ["has another ENI", { annotation: annotationOf("eni-0b2") }],
      ["has an annotation that cannot be read", { annotation: "[" }],
    ])("is no matter when the other %s", (_what, is) =>
      expect(decided({ annotation }, other(is))).toEqual(branch("direct")),
    );
  });

  it.each<[Facts["datapath"], Facts["networkPolicies"], object]>([
    ["auto", { enforced: "none" }, branch("direct")],
    ["direct", { enforced: "none" }, branch("direct")],
    ["routed", { enforced: "none" }, branch("routed")],
    ["auto", { enforced: "unseen" }, branch("routed")],
    ["direct", { enforced: "unseen" }, branch("direct")],
    ["routed", { enforced: "unseen" }, branch("routed")],
    ["auto", { enforced: "some", policy: "shop/n" }, branch("routed")],
    ["routed", { enforced: "some", policy: "shop/n" }, branch("routed")],
    [
      "direct",
      { enforced: "some", policy: "shop/n" },
      {
        answer: "refused",
        reason:
          'NetworkPolicy shop/n selects pod shop/web-0 and would not be enforced with datapath "direct"; set "datapath" to "auto" or "routed"',
      },
    ],
    ["routed", { enforced: "unknown" }, branch("routed")],
    [
      "auto",
      { enforced: "unknown" },
      { answer: "wait", reason: "the list of NetworkPolicies is not complete yet" },
    ],
    [
      "direct",
      { enforced: "unknown" },
      { answer: "wait", reason: "the list of NetworkPolicies is not complete yet" },
    ],
  ])("datapath %s with NetworkPolicies %j", (datapath, networkPolicies, expected) =>
    expect(decided({ annotation }, { datapath, networkPolicies })).toEqual(expected),
  );
});
