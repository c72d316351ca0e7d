import { expect, it } from "vitest";
import { POD_ENI } from "../../kubernetes/objects.ts";
import { FARGATE_LABEL } from "../../policy/fargate.ts";
import { SEEN_PODS, type SeenPod } from "../objects.ts";
import { stateOf, Tallies } from "./tally.ts";

const claim = JSON.stringify([
  {
    eniId: "eni-0123456789abcdef0",
    ifAddress: "02:00:00:00:00:01",
    privateIp: "10.0.0.9",
    vlanId: 1,
    subnetCidr: "10.0.0.0/24",
    associationID: "a",
  },
]);

interface Shape {
  readonly name?: string;
  readonly branch?: string;
  readonly status?: object;
  readonly spec?: object;
  readonly metadata?: object;
}

function pod({ name = "web-0", branch, status = {}, spec = {}, metadata = {} }: Shape): SeenPod {
  const annotations = branch === undefined ? {} : { [POD_ENI]: branch };
  return SEEN_PODS.read({
    metadata: { namespace: "shop", name, uid: name, annotations, ...metadata },
    spec,
    status,
  });
}

const runs = (...ips: string[]) => ({ phase: "Running", podIPs: ips.map((ip) => ({ ip })) });
const ready = { phase: "Pending", conditions: [{ type: "PodReadyToStartContainers", status: "True" }] };

it.each<[string, Shape, string | undefined]>([
  ["waits for its branch", {}, "waiting"],
  ["has its branch, and no network yet", { branch: claim }, "branch"],
  ["runs on its branch", { branch: claim, status: runs("10.0.0.9") }, "branch"],
  ["runs, and its addresses are not told yet", { branch: claim, status: runs() }, "branch"],
  ["runs without", { status: runs("10.0.0.7") }, "uncovered"],
  ["has a network without", { status: ready }, "uncovered"],
  ["runs beside its branch", { branch: claim, status: runs("10.0.0.7") }, "uncovered"],
  ["runs with an annotation that names none", { branch: "[]", status: runs("10.0.0.7") }, "uncovered"],
  ["has ended", { status: { phase: "Failed" } }, undefined],
  ["is being deleted", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }, undefined],
  ["is on its node's network", { spec: { hostNetwork: true }, status: runs("10.0.0.1") }, undefined],
  [
    "is on Fargate",
    {
      metadata: { labels: { [FARGATE_LABEL]: "shop" } },
      spec: { nodeName: "fargate-ip-10-0-0-8" },
      status: runs("10.0.0.7"),
    },
    undefined,
  ],
  [
    "says that it is on Fargate, and is not",
    { metadata: { labels: { [FARGATE_LABEL]: "shop" } }, spec: { nodeName: "n1" }, status: runs("10.0.0.7") },
    "uncovered",
  ],
])("a pod that %s", (_what, shape, state) => {
  expect(stateOf(pod(shape))).toBe(state);
});

const policy = (name: string, ...groups: string[]) => ({ namespace: "shop", name, podSelector: {}, groups });
const [a, b] = [policy("a", "sg-1"), policy("b", "sg-2", "sg-3")];
const groupsOf = (...selecting: (typeof a)[]) => ({
  groups: selecting.flatMap(({ groups }) => groups),
  selecting: selecting.map(({ name }) => `shop/${name}`),
  undecided: [],
  passedOver: [],
});
const has = (...groups: string[]) => ({ groups, refusal: undefined });

it("counts of each policy the pods that have its groups, whatever others their other policies give them", () => {
  const tallies = new Tallies([a, b], 5);
  tallies.add(pod({ name: "both", branch: claim }), groupsOf(a, b), has("sg-1", "sg-2", "sg-3"));
  tallies.add(pod({ name: "half", branch: claim }), groupsOf(a, b), has("sg-1", "sg-2"));
  tallies.add(pod({ name: "young", branch: claim }), groupsOf(a), undefined);
  tallies.add(pod({ name: "none" }), groupsOf(b), undefined);
  tallies.add(pod({ name: "gone", status: { phase: "Succeeded" } }), groupsOf(a), undefined);
  expect(tallies.of(a)).toMatchObject({ matched: 3, applied: 2, other: { count: 1, example: "young" } });
  expect(tallies.of(b)).toMatchObject({
    matched: 3,
    applied: 1,
    other: { count: 1, example: "half" },
    waiting: { count: 1, example: "none" },
    uncovered: { count: 0 },
  });
});

it("a pod has not what its policies say while its branch has a group that none of them gives any more", () => {
  const tallies = new Tallies([a, b], 5);
  const refusal = "ec2:ModifyNetworkInterfaceAttribute is missing";
  tallies.add(pod({ branch: claim }), groupsOf(a), { groups: ["sg-1", "sg-taken-away"], refusal });
  expect(tallies.of(a)).toMatchObject({ matched: 1, applied: 0, other: { count: 1, refusal } });
  const both = new Tallies([a, b], 5);
  both.add(pod({ branch: claim }), groupsOf(a, b), has("sg-1", "sg-2", "sg-3", "sg-taken-away"));
  expect([both.of(a).applied, both.of(b).applied]).toEqual([0, 0]);
});

it("names the first by name, and a refusal", () => {
  const tallies = new Tallies([a], 5);
  for (const name of ["web-2", "web-1", "web-3"])
    tallies.add(pod({ name, branch: claim }), groupsOf(a), {
      groups: ["sg-0"],
      refusal: name === "web-3" ? "no" : undefined,
    });
  expect(tallies.of(a).other).toEqual({ count: 3, example: "web-1", refusal: "no" });
});

it("says which pod has more groups than an interface can have, by several policies", () => {
  const tallies = new Tallies([a, b], 2);
  tallies.add(pod({}), groupsOf(b), has("sg-2", "sg-3"));
  expect(tallies.of(b).tooMany).toBeUndefined();
  tallies.add(pod({}), groupsOf(a, b), has());
  expect(tallies.of(b).tooMany).toEqual({ pod: "web-0", groups: 3, policies: 2 });
});

it("says of which pod it is not known", () => {
  const tallies = new Tallies([a], 5);
  const undecided = [{ policy: "shop/a", why: "no such operator" }];
  tallies.add(pod({}), { ...groupsOf(), undecided }, undefined);
  expect(tallies.of(a)).toMatchObject({ matched: 0, doubt: "shop/web-0: no such operator" });
});
