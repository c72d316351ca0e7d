import { describe, expect, it } from "vitest";
import {
  aBranch,
  aCniNode,
  aCondition,
  anAgent,
  aNode,
  aPod,
  aPolicy,
  clusterOf,
  DENIED,
  eventsOf,
  interfaces,
  NOW,
  WAITING,
} from "../../test/unit/status.ts";
import { settings } from "../../test/unit/explained.ts";
import type { PodOverview } from "../facts/pod-overviews.ts";
import { FARGATE_LABEL } from "../policy/fargate.ts";
import { assemble } from "./assemble.ts";
import type { ClusterFacts } from "./facts.ts";
import type { PodStatus } from "./status.ts";

const podIn = (facts: ClusterFacts): PodStatus => {
  const [pod] = assemble(facts).pods;
  if (pod === undefined) throw new Error("no pod is shown");
  return pod;
};
const problemsIn = (facts: ClusterFacts) =>
  assemble(facts).problems.map(({ severity, kind, object, message }) => [
    severity,
    kind,
    object.name,
    message,
  ]);
const policies = [aPolicy("web")];
const NAMES = new Map([
  ["sg-web", "web"],
  ["sg-db", "db"],
]);

describe("a pod", () => {
  it("has its branch, groups, datapath, and how long its network took", () => {
    const routed = settings({ datapath: "routed", mode: "strict", mayOverride: true });
    const facts = { policies, interfaces: interfaces({ "eni-web-0": ["sg-web"] }), settings: routed };
    expect(podIn(clusterOf({ ...facts, pods: [aPod("web-0")] }))).toEqual({
      namespace: "shop",
      name: "web-0",
      node: "n1",
      state: "attached",
      why: undefined,
      branch: { eni: "eni-web-0", vlan: 1 },
      groups: ["sg-web"],
      groupsFrom: "ec2",
      wantedGroups: ["sg-web"],
      policies: ["web"],
      datapath: "routed",
      mode: "strict",
      waitedS: 3,
    });
    const own = podIn(clusterOf({ ...facts, pods: [aPod("web-0", { datapath: "direct" })] }));
    expect([own.datapath, own.mode]).toEqual(["direct", undefined]);
    const odd = podIn(clusterOf({ ...facts, pods: [aPod("web-0", { datapath: "odd" })] }));
    expect([odd.datapath, odd.mode]).toEqual(["routed", "strict"]);
    const bound = { ...routed, mayOverride: false };
    const kept = podIn(
      clusterOf({ ...facts, settings: bound, pods: [aPod("web-0", { datapath: "direct" })] }),
    );
    expect(kept.datapath).toBe("routed");
  });

  const chosenBy = settings({ datapath: "auto", mode: "strict", mayOverride: true });
  const np = (app: string, namespace = "shop") => ({
    namespace,
    name: app,
    podSelector: { matchLabels: { app } },
    types: [],
    ingress: [],
    egress: [],
  });
  const router = { by: "kube-router", hasOwnKinds: false };

  it.each<[string, Parameters<typeof clusterOf>[0], Partial<PodOverview>, string, string | undefined]>([
    ["nothing enforces NetworkPolicies", {}, {}, "direct", undefined],
    ["none selects it", { enforcement: router, networkPolicies: [np("db")] }, {}, "direct", undefined],
    [
      "one of another namespace",
      { enforcement: router, networkPolicies: [np("web", "b")] },
      {},
      "direct",
      undefined,
    ],
    ["one selects it", { enforcement: router, networkPolicies: [np("web")] }, {}, "routed", "strict"],
    [
      "policies of kinds that nobody reads",
      { enforcement: { by: "cilium", hasOwnKinds: true } },
      {},
      "routed",
      "strict",
    ],
    [
      "its annotation",
      { enforcement: router, networkPolicies: [np("web")] },
      { datapath: "direct" },
      "direct",
      undefined,
    ],
    ["what enforces is not known", { enforcement: DENIED }, {}, "auto", undefined],
    ["policies are not known", { enforcement: router, networkPolicies: DENIED }, {}, "auto", undefined],
  ])("with auto has the datapath that the agent gives it: %s", (_what, given, more, datapath, mode) => {
    const pod = podIn(clusterOf({ policies, settings: chosenBy, pods: [aPod("web-0", more)], ...given }));
    expect([pod.datapath, pod.mode]).toEqual([datapath, mode]);
  });

  it("has a datapath that is not known where nobody says", () => {
    for (const none of [undefined, DENIED]) {
      const pod = podIn(clusterOf({ policies, settings: none, pods: [aPod("web-0")] }));
      expect([pod.datapath, pod.mode]).toEqual([undefined, undefined]);
    }
  });

  it.each<[string, Parameters<typeof aPod>[1], PodStatus["state"], string | undefined]>([
    ["runs by its branch", {}, "attached", undefined],
    ["has no address yet", { addresses: [] }, "attached", undefined],
    [
      "has another address than its branch",
      { addresses: ["10.0.0.99"] },
      "uncovered",
      "its address 10.0.0.99 is not its branch's (10.0.0.20): the annotation came after its network",
    ],
    ["runs without", { branch: undefined }, "uncovered", "it asks for a branch, and runs without"],
    [
      "is selected and does not ask",
      { branch: undefined, asksForBranch: false },
      "uncovered",
      "a policy selects it, and it asks for no branch",
    ],
    [
      "has an annotation with a defect",
      { branch: { readable: false, why: "eniId is missing" } },
      "uncovered",
      "its annotation cannot be read: eniId is missing",
    ],
    ["waits for its branch", WAITING, "waiting", undefined],
    [
      "finds no node",
      { ...WAITING, node: "", unschedulable: "0/3 nodes are available" },
      "waiting",
      "0/3 nodes are available",
    ],
    [
      "is selected, does not ask, and does not start",
      { ...WAITING, asksForBranch: false },
      "waiting",
      "a policy selects it, and it asks for no branch",
    ],
    ["has a branch and no network yet", { ...WAITING, branch: aBranch("web-0") }, "starting", undefined],
    ["is being deleted", { isBeingDeleted: true, branch: undefined }, "ending", undefined],
  ])("%s", (_what, more, state, why) => {
    const pod = podIn(clusterOf({ policies, pods: [aPod("web-0", more)] }));
    expect([pod.state, pod.why]).toEqual([state, why]);
  });

  it.each([
    ["nobody selects and that does not ask", { asksForBranch: false, branch: undefined, labels: {} }],
    ["is on the node's network", { usesHostNetwork: true }],
    ["is on Fargate", { node: "fargate-ip-10-0-0-8", labels: { [FARGATE_LABEL]: "p", app: "web" } }],
    ["has ended", { phase: "Succeeded" }],
  ])("is not shown when it %s", (_what, more) => {
    expect(assemble(clusterOf({ policies, pods: [aPod("web-0", more)] })).pods).toEqual([]);
  });

  it("waits for as long as the API server's clock says, and never for less than nothing", () => {
    const at = (createdAt: number) =>
      podIn(clusterOf({ policies, pods: [aPod("web-0", { ...WAITING, createdAt })] })).waitedS;
    expect(at(NOW - 90_000)).toBe(90);
    expect(at(NOW + 90_000)).toBe(0);
    const early = { createdAt: NOW, networkAt: NOW - 4_000 };
    expect(podIn(clusterOf({ policies, pods: [aPod("web-0", early)] })).waitedS).toBe(0);
  });

  it("says what was said of it, and not of another pod of its name", () => {
    const events = eventsOf(["web-0", "no free slot"]);
    const pods = [aPod("web-0", WAITING)];
    expect(podIn(clusterOf({ policies, pods, events })).why).toBe("BranchWaiting: no free slot");
    const others = [aPod("web-0", { ...WAITING, uid: "other" })];
    expect(podIn(clusterOf({ policies, pods: others, events })).why).toBeUndefined();
  });

  it("has the groups that the CNINode says where EC2 may not be asked", () => {
    const cniNodes = [aCniNode("n1", ["eni-web-0"])];
    const facts = { policies, cniNodes, interfaces: DENIED, pods: [aPod("web-0")] };
    const { groups, groupsFrom } = podIn(clusterOf(facts));
    expect([groups, groupsFrom]).toEqual([["sg-web"], "cninode"]);
    expect(podIn(clusterOf({ ...facts, cniNodes: [] })).groups).toBeUndefined();
  });

  it("of a policy that cannot be evaluated has unknown groups", () => {
    const bad = aPolicy("bad", { podSelector: { matchExpressions: [{ key: "app", operator: "Like" }] } });
    expect(podIn(clusterOf({ policies: [bad], pods: [aPod("web-0")] })).wantedGroups).toBeUndefined();
  });
});

describe("a node", () => {
  const nodes = [aNode("n1")];
  const slotsIn = (facts: ClusterFacts) => assemble(facts).nodes[0]?.slots;

  it("has its trunk and its slots: used by pods that live, cooling, free", () => {
    const cniNodes = [aCniNode("n1", ["eni-web-0", "eni-old"])];
    const facts = { nodes, cniNodes, policies, pods: [aPod("web-0")] };
    const [node] = assemble(clusterOf(facts)).nodes;
    expect(node).toMatchObject({
      name: "n1",
      trunk: "eni-trunk-n1",
      instanceType: "m5.large",
      agent: "absent",
    });
    expect(node?.slots).toEqual({ total: 9, used: 1, cooling: 1, warm: 0, free: 7 });
  });

  it("has warm branches, which are free; one that a pod has got since is used", () => {
    const pods = [aPod("warm-0")];
    const cniNodes = [aCniNode("n1", ["eni-warm-0", "eni-warm-1", "eni-warm-2", "eni-old"])];
    const slots = slotsIn(clusterOf({ nodes, cniNodes, policies, pods }));
    expect(slots).toEqual({ total: 9, used: 1, cooling: 1, warm: 2, free: 7 });
  });

  it("has a slot for a branch that its CNINode does not name yet", () => {
    const cniNodes = [aCniNode("n1", [])];
    expect(slotsIn(clusterOf({ nodes, cniNodes, pods: [aPod("web-0")] }))).toEqual({
      total: 9,
      used: 1,
      cooling: 0,
      warm: 0,
      free: 8,
    });
  });

  it("of which only one namespace's pods are known does not say which slots are used", () => {
    const scope = { namespace: "shop", node: undefined };
    const cniNodes = [aCniNode("n1", ["eni-web-0", "eni-old"])];
    const facts = { scope, nodes, cniNodes, policies, pods: [aPod("web-0")] };
    expect(slotsIn(clusterOf(facts))).toEqual({
      total: 9,
      used: undefined,
      cooling: undefined,
      warm: 0,
      free: 7,
    });
    expect(slotsIn(clusterOf({ ...facts, cniNodes: [aCniNode("n1", [], { trunk: undefined })] }))).toEqual({
      total: 9,
      used: undefined,
      cooling: undefined,
      warm: undefined,
      free: undefined,
    });
  });

  it("without a status of its CNINode does not say what cools, and finds its trunk by the branches' tags", () => {
    const cniNodes = [aCniNode("n1", [], { trunk: undefined })];
    const facts = {
      nodes,
      cniNodes,
      pods: [aPod("web-0")],
      interfaces: interfaces({ "eni-web-0": ["sg-web"] }),
    };
    expect(slotsIn(clusterOf(facts))).toEqual({
      total: 9,
      used: 1,
      cooling: undefined,
      warm: undefined,
      free: 8,
    });
    expect(assemble(clusterOf(facts)).nodes[0]?.trunk).toBe("eni-trunk-by-tag");
  });

  it("has as many slots as its type, or what the ConfigMap says, or what it offers", () => {
    const total = (instanceType: string | undefined, typeOverrides = {}) =>
      slotsIn(clusterOf({ nodes: [aNode("n1", { instanceType, allocatable: 5 })], typeOverrides }))?.total;
    expect(total("m5.large")).toBe(9);
    expect(total("t3.large")).toBe(0);
    expect(total("m5.large", { "m5.large": "3 4" })).toBe(4);
    expect(total("x99.large")).toBe(5);
    expect(total(undefined)).toBe(5);
  });

  it("is not shown when it is no Linux instance, and of a namespace only with its pods", () => {
    const others = [
      aNode("n1"),
      aNode("n2", { isLinux: false }),
      aNode("n3", { instance: undefined }),
      aNode("n4"),
    ];
    const names = (facts: ClusterFacts) => assemble(facts).nodes.map(({ name }) => name);
    expect(names(clusterOf({ nodes: others }))).toEqual(["n1", "n4"]);
    const scope = { namespace: "shop", node: undefined };
    expect(names(clusterOf({ scope, nodes: others, policies, pods: [aPod("web-0")] }))).toEqual(["n1"]);
  });

  it.each([
    ["ready", [anAgent("n1")], "ready"],
    ["not ready", [anAgent("n1", { isReady: false })], "not-ready"],
    ["missing", [anAgent("n2")], "missing"],
    ["ending", [anAgent("n1", { isBeingDeleted: true }), anAgent("n2")], "missing"],
    ["nowhere", [], "absent"],
    ["not known", DENIED, "unknown"],
  ])("has an agent that is %s", (_what, agents, expected) => {
    expect(assemble(clusterOf({ nodes, agents })).nodes[0]?.agent).toBe(expected);
  });
});

describe("a policy", () => {
  const counts = (facts: ClusterFacts) => assemble(facts).policies?.[0]?.counts;

  it("has counts of the pods that it selects", () => {
    const pods = [
      aPod("applied"),
      aPod("other", { branch: aBranch("other", 2) }),
      aPod("waits", WAITING),
      aPod("bare", { branch: undefined }),
      aPod("ends", { isBeingDeleted: true }),
      aPod("else", { labels: { app: "else" } }),
      aPod("there", { namespace: "there" }),
    ];
    const seen = interfaces({ "eni-applied": ["sg-web"], "eni-other": ["sg-db"] });
    expect(counts(clusterOf({ policies, pods, interfaces: seen }))).toEqual({
      matched: 4,
      applied: 1,
      pending: 2,
      uncovered: 1,
    });
    // A group that was taken away is not gone before EC2 says so.
    const more = interfaces({ "eni-applied": ["sg-web", "sg-db"], "eni-other": ["sg-db"] });
    expect(counts(clusterOf({ policies, pods, interfaces: more }))).toMatchObject({ applied: 0, pending: 3 });
    expect(counts(clusterOf({ policies, pods, interfaces: DENIED }))).toEqual({
      matched: 4,
      applied: undefined,
      pending: undefined,
      uncovered: 1,
    });
    expect(counts(clusterOf({ policies, pods: DENIED }))).toBeUndefined();
  });

  it("is not part of one node's status", () => {
    const scope = { namespace: undefined, node: "n1" };
    expect(assemble(clusterOf({ scope, policies })).policies).toBeUndefined();
  });
});

describe("problems", () => {
  const fine = {
    nodes: [aNode("n1")],
    cniNodes: [aCniNode("n1", ["eni-web-0"])],
    agents: [anAgent("n1")],
    policies,
    pods: [aPod("web-0")],
    interfaces: interfaces({ "eni-web-0": ["sg-web"] }),
    groupNames: NAMES,
  };

  it("are none when all is well", () => expect(problemsIn(clusterOf(fine))).toEqual([]));

  it("are none in a cluster of nothing", () => expect(problemsIn(clusterOf())).toEqual([]));

  it.each<[string, object, readonly string[]]>([
    [
      "a pod without its branch",
      { pods: [aPod("web-0", { branch: undefined })] },
      [
        "problem",
        "PodWithoutBranch",
        "web-0",
        "it asks for a branch, and runs without, so it has the groups of its node",
      ],
    ],
    [
      "other groups",
      { interfaces: interfaces({ "eni-web-0": ["sg-db"] }) },
      ["problem", "PodOtherGroups", "web-0", "eni-web-0 has sg-db, and its policies say sg-web"],
    ],
    [
      "a policy that is gone",
      { policies: [] },
      ["problem", "PodOtherGroups", "web-0", "eni-web-0 has sg-web, and no policy selects it any more"],
    ],
    [
      "a branch that is gone",
      { interfaces: interfaces({}) },
      ["problem", "BranchMissing", "web-0", "EC2 does not show its branch eni-web-0"],
    ],
    [
      "a pod that waits for long",
      { pods: [aPod("web-0", WAITING)], events: eventsOf(["web-0", "no free slot"]) },
      [
        "problem",
        "PodWaiting",
        "web-0",
        "it waits for its branch for 5m, on n1; BranchWaiting: no free slot",
      ],
    ],
    [
      "a pod whose network does not come",
      { pods: [aPod("web-0", { ...WAITING, branch: aBranch("web-0") })] },
      [
        "problem",
        "PodWaiting",
        "web-0",
        "it waits with a branch for its network for 5m, on n1; no event says why",
      ],
    ],
    [
      "no trunk",
      {
        cniNodes: [
          aCniNode("n1", ["eni-web-0"], {
            conditions: [
              {
                type: "TrunkReady",
                status: "False",
                reason: "TrunkNoSlot",
                message: "all 3 are attached",
                since: "",
              },
            ],
          }),
        ],
      },
      ["problem", "NodeWithoutTrunk", "n1", "TrunkNoSlot: all 3 are attached"],
    ],
    [
      "no trunk, without a word",
      {
        nodes: [aNode("n1", { allocatable: undefined, capacity: undefined })],
        cniNodes: [aCniNode("n1", [], { trunk: undefined })],
        interfaces: new Map([["eni-web-0", { id: "eni-web-0", groups: ["sg-web"], trunk: undefined }]]),
      },
      [
        "problem",
        "NodeWithoutTrunk",
        "n1",
        "its CNINode names no trunk, and it offers no vpc.amazonaws.com/pod-eni",
      ],
    ],
    [
      "nobody has asked for a trunk",
      { cniNodes: [aCniNode("n1", ["eni-web-0"], { features: [] })] },
      [
        "problem",
        "NodeWithoutTrunk",
        "n1",
        "its agent is ready, and its CNINode lacks the feature SecurityGroupsForPods",
      ],
    ],
    [
      "an agent that is not ready",
      { agents: [anAgent("n1", { isReady: false })] },
      ["problem", "AgentNotReady", "n1", "its agent is not ready"],
    ],
    ["no agent", { agents: [anAgent("n2")] }, ["problem", "AgentNotReady", "n1", "it has no agent"]],
    [
      "a full node",
      { cniNodes: [aCniNode("n1", ["eni-web-0", ...Array.from({ length: 8 }, (_, i) => `eni-old-${i}`)])] },
      ["warning", "NodeFull", "n1", "all 9 slots of its trunk are taken, 8 of them by no pod that lives"],
    ],
    [
      "a policy without groups",
      { policies: [...policies, aPolicy("empty", { groups: [] })] },
      ["problem", "PolicyWithoutEffect", "empty", "spec.securityGroups.groupIds is empty"],
    ],
    [
      "a policy that selects nothing",
      { policies: [...policies, aPolicy("none", { podSelector: { matchLabels: { app: "nil" } } })] },
      ["warning", "PolicyCoversNothing", "none", "it selects no pod"],
    ],
    [
      "a group that is gone",
      { groupNames: new Map() },
      ["problem", "GroupMissing", "web", "EC2 has no security group sg-web"],
    ],
    [
      "a group of another VPC, by the policy's status",
      { policies: [aPolicy("web", {}, [aCondition("False", "GroupOfOtherVpc", "sg-web is of vpc-2")])] },
      ["problem", "GroupOfOtherVpc", "web", "sg-web is of vpc-2"],
    ],
    [
      "too many groups, by the policy's status",
      {
        policies: [
          aPolicy("web", {}, [
            aCondition("True", "GroupsFound", "EC2 has its group"),
            aCondition("False", "TooManyGroups", "pod shop/web-0 has 6 groups"),
          ]),
        ],
      },
      ["problem", "TooManyGroups", "web", "pod shop/web-0 has 6 groups"],
    ],
  ])("%s", (_what, more, expected) => {
    expect(problemsIn(clusterOf({ ...fine, ...more }))).toEqual([expected]);
  });

  it("a selector that cannot be evaluated is the policy's, and the pod's groups are not judged by it", () => {
    const bad = aPolicy("bad", { podSelector: { matchExpressions: [{ key: "app", operator: "Like" }] } });
    const accounts = new Map([["shop/default", {}]]);
    expect(problemsIn(clusterOf({ ...fine, policies: [bad], accounts }))).toEqual([
      ["problem", "PolicyWithoutEffect", "bad", expect.stringContaining('operator "Like" is none of')],
    ]);
  });

  it.each<[string, object]>([
    ["a pod that waits for a moment", { pods: [aPod("web-0", { ...WAITING, createdAt: NOW - 60_000 })] }],
    ["a pod that ends", { pods: [aPod("web-0", { branch: undefined, isBeingDeleted: true })], policies: [] }],
    ["a type without trunks", { nodes: [aNode("n1", { instanceType: "t3.large", allocatable: undefined })] }],
    [
      "a node that is no agent's yet",
      { cniNodes: [aCniNode("n1", ["eni-web-0"], { features: [] })], agents: [] },
    ],
  ])("%s is none", (_what, more) => {
    const found = problemsIn(clusterOf({ ...fine, ...more }));
    expect(found.filter(([severity]) => severity === "problem")).toEqual([]);
  });

  it("what could not be read is no problem, and is named", () => {
    const facts = { ...fine, pods: DENIED, agents: DENIED, interfaces: DENIED };
    const { problems, gaps } = assemble(clusterOf(facts));
    expect(problems).toEqual([]);
    expect(gaps.map(({ permission }) => permission)).toEqual(["list pods"]);
  });
});
