import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  aBranch,
  aCniNode,
  anEvent,
  anInterface,
  aNode,
  aPod,
  aPodWithout,
  aPolicy,
  LATER,
  NOW,
  podFacts,
  settings,
  situation,
} from "../../../test/unit/explained.ts";
import { type Fact, known } from "../../facts/fact.ts";
import type { WorkloadFact } from "../../facts/workloads.ts";
import type { PodFacts } from "../facts.ts";
import { type Ec2Facts, PROBLEM_CODES } from "../situation.ts";
import { problemsOf } from "./index.ts";

function problems(facts: Partial<PodFacts>, ec2: Partial<Ec2Facts> = {}) {
  return problemsOf(situation(podFacts(facts), ec2));
}

const codes = (...given: Parameters<typeof problems>) => problems(...given).map(({ code }) => code);
const line = (...given: Parameters<typeof problems>) => problems(...given)[0]?.line;

const said = (reason: string, message: string) => ({
  events: known([anEvent("branchline-controller", reason, message)]),
});
const refusedBy = (code: string) => said("BranchFailed", `CreateNetworkInterface: ${code}: words`);
const CONTROLLER = (renewed: number): Fact<never> =>
  known([
    {
      metadata: {},
      holder: "one",
      durationMs: 15_000,
      acquired: undefined,
      renewed: new Date(renewed).toISOString(),
      transitions: 0,
    },
  ]) as never;

it("none of a pod that has its branch and its groups, has ended, or is being deleted", () => {
  expect(codes({})).toEqual([]);
  for (const over of [{ phase: "Succeeded" }, { phase: "Failed" }, { isBeingDeleted: true }])
    expect(codes({ pod: aPodWithout({ asksForBranch: false, ...over }) })).toEqual([]);
});

describe("no request", () => {
  const pod = aPodWithout({ asksForBranch: false });

  it.each<[string, Partial<PodFacts>, readonly string[]]>([
    ["no policy selects it", { policies: known([]) }, []],
    ["the policy is older", {}, ["no-request"]],
    [
      "the policy is younger",
      { policies: known([aPolicy("web", ["sg-web"], { createdAt: LATER })]) },
      ["late-policy"],
    ],
    [
      "of two policies the older one counts",
      { policies: known([aPolicy("a", ["sg-a"], { createdAt: LATER }), aPolicy("web")]) },
      ["no-request"],
    ],
  ])("%s", (_what, facts, expected) => expect(codes({ pod, ...facts })).toEqual(expected));

  it("says whether it runs, or its agent refuses it", () => {
    expect(line({ pod })).toContain("it must not start so");
    expect(line({ pod: aPodWithout({ asksForBranch: false, phase: "Running" }) })).toContain(
      "it runs with the groups of its node",
    );
    const events = known([anEvent("branchline-agent", "BranchRefused", "no limit")]);
    expect(line({ pod, events })).toContain("its node's agent refuses it");
  });

  it("a pod that nobody makes again has to be created again", () => {
    const [problem] = problems({ pod: { ...pod, owner: undefined } });
    expect(problem?.todo).toContain("delete the pod and create it again");
    expect(problems({ pod })[0]?.todo).toContain(
      "its successor asks for its branch: kubectl delete pod -n shop web-0",
    );
  });
});

describe("a pod that waits", () => {
  const pod = aPodWithout();
  const leases = CONTROLLER(NOW);

  it.each<[string, Partial<PodFacts>, Partial<Ec2Facts>, string, string]>([
    [
      "no policy",
      { policies: known([]) },
      {},
      "no-policy",
      "no SecurityGroupPolicy of namespace shop selects it",
    ],
    [
      "a policy that cannot be read",
      {
        policies: known([
          aPolicy("web", ["sg-web"], { podSelector: { matchExpressions: [{ key: "a", operator: "is" }] } }),
        ]),
      },
      {},
      "policy-unreadable",
      'SecurityGroupPolicy shop/web may select it, and cannot be evaluated: spec.podSelector.matchExpressions[0]: operator "is"',
    ],
    [
      "a group that is gone",
      {},
      { groups: known([]) },
      "group-missing",
      "group sg-web, which SecurityGroupPolicy shop/web names, does not exist",
    ],
    [
      "a group of another VPC",
      {},
      { groups: known([{ id: "sg-web", name: "web", vpc: "vpc-2", tags: {} }]) },
      "group-missing",
      "is of vpc-2, and the pod's node of vpc-1",
    ],
    [
      "a full subnet",
      refusedBy("InsufficientFreeAddressesInSubnet"),
      {},
      "subnet-full",
      "the subnet of the branches has no free address",
    ],
    [
      "a subnet that was full",
      refusedBy("InsufficientFreeAddressesInSubnet"),
      {
        subnet: known({
          id: "subnet-1",
          vpc: "vpc-1",
          zone: "",
          cidr: "10.0.0.0/28",
          ipv6Cidrs: [],
          freeAddresses: 1,
        }),
      },
      "subnet-full",
      "subnet-1 (10.0.0.0/28) has no free address for its branch; by now 1 address of it is free again",
    ],
    [
      "too many groups",
      {
        ...refusedBy("SecurityGroupsPerInterfaceLimitExceeded"),
        policies: known([aPolicy("a", ["sg-1", "sg-2"]), aPolicy("b", ["sg-2", "sg-3"])]),
      },
      {},
      "group-quota",
      "its 2 policies (a and b) give it 3 groups, more than the account allows for an interface",
    ],
    [
      "no interface left",
      refusedBy("NetworkInterfaceLimitExceeded"),
      {},
      "interface-quota",
      "as many network interfaces as it may",
    ],
    [
      "a permission",
      refusedBy("UnauthorizedOperation"),
      {},
      "controller-denied",
      "the controller lacks a permission of EC2",
    ],
    [
      "a group, by EC2's word alone",
      refusedBy("InvalidGroup.NotFound"),
      {},
      "group-missing",
      "EC2 does not have a group of its policies",
    ],
    [
      "something else",
      refusedBy("SomethingNew"),
      {},
      "branch-failed",
      "branchline-controller says BranchFailed: CreateNetworkInterface: SomethingNew: words",
    ],
    [
      "EKS's own words",
      {
        events: known([
          anEvent(
            "vpc-resource-controller",
            "BranchAllocationFailed",
            "api error InsufficientFreeAddressesInSubnet: none",
          ),
        ]),
      },
      {},
      "subnet-full",
      "has no free address",
    ],
    [
      "no CNINode",
      { cniNode: known(undefined) },
      {},
      "trunk-missing",
      "its node n1 has no trunk: it has no CNINode",
    ],
    [
      "no feature",
      { cniNode: known(aCniNode({ features: [], trunk: undefined, conditions: [] })) },
      {},
      "trunk-missing",
      "its agent has not declared the feature",
    ],
    [
      "no trunk, by the condition",
      {
        cniNode: known(
          aCniNode({
            trunk: undefined,
            conditions: [
              { type: "TrunkReady", status: "False", reason: "TrunkNoSlot", message: "all taken", since: "" },
            ],
          }),
        ),
      },
      {},
      "trunk-missing",
      "its node n1 has no trunk: TrunkNoSlot: all taken",
    ],
    [
      "no trunk, by an event of its node",
      {
        cniNode: known(aCniNode({ trunk: undefined, conditions: [] })),
        nodeEvents: known([anEvent("vpc-resource-controller", "Unsupported", "no trunk for t3")]),
      },
      {},
      "trunk-missing",
      "its node n1 has no trunk: Unsupported: no trunk for t3",
    ],
    [
      "no slot",
      said(
        "BranchWaiting",
        "all 9 branches of node n1 are taken, 2 of them by pods that have ended, the next is free in 9 s",
      ),
      {},
      "no-free-slot",
      "its node n1 has no free slot: all 9 branches",
    ],
    [
      "no capacity",
      { node: known(aNode({ capacity: 0 })) },
      {},
      "no-free-slot",
      "its trunk eni-trunk has 0 branches",
    ],
    ["the controller's own words", said("BranchWaiting", "something else"), {}, "waiting", "something else"],
    [
      "no controller",
      { leases: CONTROLLER(NOW - 60_000) },
      {},
      "no-controller",
      "it has waited 600 s for its branch, and no controller holds the Lease",
    ],
    ["nothing that anybody says", { leases }, {}, "waiting", "no controller has said anything about it"],
  ])("%s", (_what, facts, ec2, code, words) => {
    const [first, ...more] = problems({ pod, leases, ...facts }, ec2);
    expect([first?.code, more.map((one) => one.code)]).toEqual([code, []]);
    expect(first?.line).toContain(words);
    expect(first?.todo).not.toBe("");
  });

  it("is told first what the newest event says", () => {
    const events = known([
      anEvent(
        "branchline-controller",
        "BranchFailed",
        "X: InsufficientFreeAddressesInSubnet: y",
        "2026-11-29T10:01:00Z",
      ),
      anEvent(
        "branchline-controller",
        "BranchFailed",
        "X: NetworkInterfaceLimitExceeded: y",
        "2026-11-29T10:02:00Z",
      ),
      anEvent("kubelet", "FailedCreatePodSandBox", "waits", "2026-11-29T10:03:00Z"),
    ]);
    expect(codes({ pod, leases, events })).toEqual(["interface-quota"]);
  });

  it.each([
    ["0/3 nodes are available: 3 Insufficient vpc.amazonaws.com/pod-eni.", "see which nodes have trunks"],
    ["0/3 nodes are available: 3 Insufficient cpu.", "act by what the scheduler says"],
    [undefined, "act by what the scheduler says"],
  ])("is not scheduled: %s", (notScheduled, todo) => {
    const [problem, ...more] = problems({ pod: aPodWithout({ node: "", notScheduled }) });
    expect([problem?.code, more]).toEqual(["not-scheduled", []]);
    expect(problem?.line).toContain(notScheduled ?? "the scheduler has not said why");
    expect(problem?.todo).toContain(todo);
  });

  it("is refused by its agent for what is seen nowhere else", () => {
    const events = known([anEvent("branchline-agent", "BranchRefused", "because")]);
    const refused = aPod({ phase: "Pending", networkAt: undefined });
    expect(line({ pod: refused, events })).toBe("its node's agent refuses it: because");
    // Of a pod that runs by now it is old.
    expect(codes({ pod: aPod(), events })).toEqual([]);
  });
});

describe("a branch", () => {
  const other = (more: object) =>
    known([aPod(), aPod({ name: "db-0", uid: "uid-db-0", branch: aBranch("eni-db", 2), ...more })]);

  it.each<[string, Partial<PodFacts>, Partial<Ec2Facts>, string, string]>([
    [
      "that cannot be read",
      { pod: aPod({ branch: { readable: false, why: "no JSON" } }) },
      {},
      "annotation-unreadable",
      "no JSON",
    ],
    [
      "that EC2 does not have",
      {},
      { branch: known(undefined) },
      "branch-missing",
      "its branch eni-web does not exist in EC2 any more",
    ],
    [
      "of another pod",
      { neighbours: other({ branch: aBranch("eni-web", 1) }) },
      {},
      "branch-taken",
      "pod shop/db-0 of the same node has the same branch",
    ],
    [
      "by a VLAN id that is taken",
      { neighbours: other({ branch: aBranch("eni-db", 1) }) },
      {},
      "vlan-taken",
      "VLAN id 1 of node n1 is taken twice: by its branch eni-web, and by eni-db of pod shop/db-0; this pod has its network",
    ],
    [
      "by a VLAN id that was taken before",
      { pod: aPod({ networkAt: undefined }), neighbours: other({ branch: aBranch("eni-db", 1) }) },
      {},
      "vlan-taken",
      "the other one has its network, so this pod is refused (code 102)",
    ],
    [
      "by a VLAN id that neither has",
      {
        pod: aPod({ networkAt: undefined }),
        neighbours: other({ branch: aBranch("eni-db", 1), networkAt: undefined }),
      },
      {},
      "vlan-taken",
      "whichever starts second",
    ],
    [
      "with groups that somebody has changed",
      {
        cniNode: known(
          aCniNode({
            trunk: {
              id: "eni-trunk",
              mac: undefined,
              deviceIndex: 1,
              subnet: undefined,
              branches: [
                {
                  id: "eni-web",
                  vlan: 1,
                  association: undefined,
                  warmFor: undefined,
                  mac: undefined,
                  groups: ["sg-web"],
                  addresses: [],
                },
              ],
            },
          }),
        ),
      },
      { branch: known(anInterface("eni-web", ["sg-db"])) },
      "other-groups",
      "it lacks sg-web, and it has sg-db besides; it was made with sg-web, so somebody has changed it in EC2",
    ],
    [
      "with groups of a policy that is gone",
      {},
      { branch: known(anInterface("eni-web", ["sg-web", "sg-old"])) },
      "other-groups",
      "it has sg-old besides; a policy that selected it may be gone",
    ],
    [
      "that no policy selects any more",
      { policies: known([]) },
      { branch: known(anInterface("eni-web", ["sg-web"])) },
      "other-groups",
      "no policy selects it any more, and its branch eni-web has sg-web: the policy that selected it is gone",
    ],
    [
      "that is older than a policy's change",
      { policies: known([aPolicy("web", ["sg-new"], { changedAt: LATER })]) },
      { branch: known(anInterface("eni-web", ["sg-web"])) },
      "late-policy",
      `SecurityGroupPolicy shop/web was written at ${LATER}, after the branch`,
    ],
    [
      "that is older than a policy",
      { policies: known([aPolicy("web"), aPolicy("more", ["sg-more"], { createdAt: LATER })]) },
      { branch: known(anInterface("eni-web", ["sg-web"])) },
      "late-policy",
      "it lacks sg-more; SecurityGroupPolicy shop/more was written",
    ],
  ])("%s", (_what, facts, ec2, code, words) => {
    const [first, ...more] = problems(facts, ec2);
    expect([first?.code, more.map((one) => one.code)]).toEqual([code, []]);
    expect(first?.line).toContain(words);
  });

  it.each([
    ["has ended", { phase: "Succeeded", branch: aBranch("eni-web", 1) }],
    ["has another id and branch", {}],
    ["is itself", { uid: "uid-web-0", branch: aBranch("eni-web", 1) }],
    ["cannot be read", { branch: { readable: false, why: "x" } }],
  ])("is not taken by a neighbour that %s", (_what, more) =>
    expect(codes({ neighbours: other(more) })).toEqual([]),
  );

  it("with groups that were not looked at is no problem", () =>
    expect(
      codes({}, { branch: { known: false, gap: { what: "x", reason: "failed", message: "x" } } }),
    ).toEqual([]));
});

describe("a NetworkPolicy", () => {
  const calico = {
    kind: "DaemonSet",
    namespace: "kube-system",
    name: "calico-node",
    labels: {},
    containers: [],
  };
  const daemonSets = known([calico as unknown as WorkloadFact]);
  const policy = (app: string) =>
    known([
      {
        namespace: "shop",
        name: "deny",
        podSelector: { matchLabels: { app } },
        types: ["Ingress"],
        ingress: [],
        egress: [],
      },
    ]);
  const routed = known(settings({ datapath: "routed" }));
  const refused = known([anEvent("branchline-agent", "BranchRefused", "NetworkPolicy shop/deny selects it")]);

  it.each<[string, Partial<PodFacts>, readonly string[]]>([
    ["of a direct pod is not enforced", {}, ["network-policy-not-enforced"]],
    ["of another pod is not its", { networkPolicies: policy("db") }, []],
    ["of a routed pod is enforced", { settings: routed }, []],
    [
      "keeps a direct pod from starting",
      { pod: aPod({ networkAt: undefined, phase: "Pending" }), events: refused },
      ["refused"],
    ],
    ["where auto routes it is enforced", { settings: known(settings({ datapath: "auto" })) }, []],
    ["when the datapath is not known is no problem", { settings: known(undefined) }, []],
  ])("%s", (_what, facts, expected) =>
    expect(codes({ daemonSets, networkPolicies: policy("web"), ...facts })).toEqual(expected),
  );
});

describe("pods that never have a branch", () => {
  const host = aPodWithout({ usesHostNetwork: true, phase: "Running", asksForBranch: false });
  const fargate = (...groups: readonly string[]) =>
    aPodWithout({ fargate: { groups }, phase: "Running", asksForBranch: false });

  it.each<[string, ReturnType<typeof aPod>, readonly string[]]>([
    ["on the node's network", host, ["node-network"]],
    ["on Fargate, without the groups", fargate(), ["fargate-groups"]],
    ["on Fargate, with the groups", fargate("sg-web", "sg-more"), []],
  ])("%s", (_what, pod, expected) => {
    expect(codes({ pod })).toEqual(expected);
    expect(codes({ pod, policies: known([]) })).toEqual([]);
  });
});

it("docs/explain.md has each code, and no other", () => {
  const page = readFileSync(path.resolve(import.meta.dirname, "../../../docs/explain.md"), "utf8");
  expect([...page.matchAll(/^\| `([a-z-]+)` +\|/gm)].map(([, code]) => code)).toEqual([...PROBLEM_CODES]);
});
