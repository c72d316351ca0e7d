import { expect, it } from "vitest";
import { aPod, aPolicy, aWanted, podFacts, settings, situation } from "../../../test/unit/explained.ts";
import { filters, machine, node, pod } from "../../../test/unit/network.ts";
import { known } from "../../facts/fact.ts";
import { judgeAll } from "../judged.ts";
import { candidatesOf, findAlternatives } from "./find.ts";

const SUBJECT = aPod({
  asksForBranch: false,
  branch: undefined,
  annotatedAt: undefined,
  owner: "StatefulSet/web",
  labels: { app: "web", "controller-revision-hash": "web-1" },
});
const RULES = [
  "sg-node out -1 0.0.0.0/0",
  "sg-client out -1 0.0.0.0/0",
  "sg-db out -1 0.0.0.0/0",
  "sg-db in tcp 5432 sg-client",
  "sg-db in tcp 22 sg-admin",
];
const GROUPS = ["sg-client", "sg-other", "sg-db", "sg-admin"];

interface Scene {
  readonly subject?: typeof SUBJECT;
  readonly policies?: readonly ReturnType<typeof aPolicy>[];
  readonly rules?: readonly string[];
  readonly to?: ReturnType<typeof machine> | ReturnType<typeof pod>;
  readonly service?: string;
  readonly datapath?: "direct" | "routed";
  readonly groups?: readonly string[];
  readonly vpc?: string;
}

function offered({
  subject = SUBJECT,
  policies = [],
  rules = RULES,
  to = machine(),
  service,
  datapath = "direct",
  groups = GROUPS,
  vpc = "vpc-1",
}: Scene = {}) {
  const facts = podFacts({
    pod: subject,
    policies: known(policies),
    settings: known(settings({ datapath })),
  });
  const all = situation(facts);
  const wanted = aWanted({
    title: "to db:5432",
    from: { kind: "pod", pod: subject },
    to: { kind: "address", name: "db", address: "10.0.2.9" },
    service,
  });
  const from = { ...pod("p", "none", node("n1")), labels: subject.labels };
  const by = filters(rules);
  const judged = judgeAll(by, wanted, { places: [from], doubt: "" }, { places: [to], doubt: "" });
  const candidates = candidatesOf(judged, all, by);
  if (candidates === undefined) return undefined;
  const existing = groups.map((id) => ({ id, name: id.slice(3), vpc, tags: {} }));
  return findAlternatives(judged, all, by, { candidates, groups: existing }).map(
    ({ kind, policy, labels, groups: its }) => [kind, `${policy.namespace}/${policy.name}`, labels, its],
  );
}

const clients = (more: Parameters<typeof aPolicy>[2] = {}, groups = ["sg-client"]) =>
  aPolicy("clients", groups, { podSelector: { matchLabels: { role: "client" } }, ...more });

it("a policy of the namespace that gives a group which is let in comes first, with the label that the pod lacks", () =>
  expect(offered({ policies: [clients()] })).toEqual([
    ["label", "shop/clients", { role: "client" }, ["sg-client"]],
  ]));

it("without one, a policy for the pod's stable labels with the first group that is let in for that port", () =>
  expect(offered()).toEqual([["policy", "shop/web", { app: "web" }, ["sg-client"]]]));

it.each<[string, Scene]>([
  ["of another namespace", { policies: [clients({ namespace: "till" })] }],
  ["whose groups are not let in", { policies: [clients({}, ["sg-other"])] }],
  [
    "that asks for another value of a label that the pod has",
    { policies: [clients({ podSelector: { matchLabels: { app: "client" } } })] },
  ],
  [
    "that asks for no such label",
    {
      policies: [clients({ podSelector: { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] } })],
    },
  ],
])("a policy %s does not count: a new one is offered", (_, scene) =>
  expect(offered(scene)?.map(([kind]) => kind)).toEqual(["policy"]),
);

it("a label that brings another policy's groups along is judged with all of them", () =>
  expect(
    offered({ policies: [clients({}, ["sg-client"]), clients({ name: "more" }, ["sg-gone"])] })?.[0]?.[0],
  ).toBe("policy"));

it("the new policy replaces none that there is", () =>
  expect(
    offered({
      policies: [aPolicy("web", ["sg-other"], { podSelector: { matchLabels: { app: "x" } } })],
    })?.[0]?.[1],
  ).toBe("shop/web-2"));

it.each<[string, Scene]>([
  ["does not exist", { groups: ["sg-db"] }],
  ["is of another VPC", { vpc: "vpc-2" }],
  ["lets nothing out", { rules: RULES.filter((rule) => !rule.startsWith("sg-client out")) }],
  ["is let in for another port", { rules: RULES.filter((rule) => !rule.endsWith("5432 sg-client")) }],
])("no group is offered that %s", (_, scene) => expect(offered(scene)).toEqual([]));

it("members of the destination's own group are the last resort", () => {
  const rules = [...RULES.slice(0, 3), "sg-db in -1 sg-db", "sg-db in tcp 5432 sg-client"];
  expect(offered({ rules })?.[0]?.[3]).toEqual(["sg-client"]);
  expect(offered({ rules: rules.slice(0, 4) })?.[0]?.[3]).toEqual(["sg-db"]);
});

it("a pod without stable labels gets no policy: it would select the whole namespace", () =>
  expect(offered({ subject: aPod({ ...SUBJECT, labels: { "pod-template-hash": "1" } }) })).toEqual([]));

it("a policy that cannot be evaluated may select it: nobody knows what it would have", () => {
  const bad = aPolicy("bad", ["sg-other"], {
    podSelector: { matchExpressions: [{ key: "app", operator: "Like" }] },
  });
  expect(offered({ policies: [bad, clients()] })).toEqual([]);
});

it("direct pods reach Services by their node's groups, so no group of their own helps; routed ones do not", () => {
  const to = pod("db", "routed strict", node("n2"), "sg-db");
  expect(offered({ to, service: "172.20.0.9" })).toEqual([]);
  expect(offered({ to, service: "172.20.0.9", datapath: "routed" })?.[0]?.[0]).toBe("policy");
});

it.each<[string, Scene]>([
  ["is let in", { rules: [...RULES, "sg-db in tcp 5432 sg-node"] }],
  ["is not let out either", { rules: RULES.slice(1) }],
  ["is selected by a policy, and has only to be made anew", { policies: [aPolicy("web", ["sg-client"])] }],
])("nothing is looked at for a pod that %s", (_, scene) => expect(offered(scene)).toBeUndefined());
