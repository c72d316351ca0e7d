import { expect, it } from "vitest";
import { filters, machine, node, pod } from "../../test/unit/network.ts";
import type { Place } from "../verdict/places.ts";
import { judgeAll } from "./judged.ts";
import { aWanted } from "../../test/unit/explained.ts";
import type { Settled, Wanted } from "./party.ts";
import { reportPaths, wordsOfGroup } from "./report-path.ts";

const NAMES = {
  group: (id: string) => (id === "sg-gone" ? { id, exists: false } : { id, name: id.slice(3), exists: true }),
  flags: "--region eu-west-1",
};
const RULES = ["sg-p out -1 0.0.0.0/0", "sg-db in tcp 5432 sg-p", "sg-db in tcp 5433 sg-p"];

function judged(to: Place, more: Partial<Wanted> = {}, rules: readonly string[] = RULES) {
  const wanted = aWanted({ title: "to db:5432", notes: ["Service shop/db is 172.20.0.20"], ...more });
  const from = { places: [pod("p", "routed strict")], doubt: "" };
  return judgeAll(filters(rules), wanted, from, { places: [to], doubt: "" });
}

const db = (address: string, name: string) => ({ ...machine("sg-db", address), name });

it("endpoints to which the same happens are one path, which names them all", () => {
  const [path, ...more] = reportPaths(
    [judged(db("10.0.2.9", "a")), judged(db("10.0.2.10", "b")), judged(db("10.0.2.11", "c"))],
    NAMES,
  );
  expect(more).toEqual([]);
  expect(path?.to).toMatchObject({ name: "a", address: "10.0.2.9" });
  expect(path?.notes).toEqual([
    "Service shop/db is 172.20.0.20",
    "the same to b (10.0.2.10)",
    "the same to c (10.0.2.11)",
  ]);
});

it("what differs stays apart: the answer, the rule, the question", () => {
  const answers = (...paths: Parameters<typeof reportPaths>[0]) =>
    reportPaths(paths, NAMES).map(({ title, answer }) => [title, answer]);
  expect(answers(judged(db("10.0.2.9", "a")), judged(machine("sg-other", "10.0.2.10")))).toEqual([
    ["to db:5432", "reaches"],
    ["to db:5432", "does not reach"],
  ]);
  expect(answers(judged(db("10.0.2.9", "a")), judged(db("10.0.2.9", "a"), { port: 5433 }))).toHaveLength(2);
  expect(answers(judged(db("10.0.2.9", "a")), judged(db("10.0.2.9", "a"), { title: "other" }))).toHaveLength(
    2,
  );
});

it("each hop has what decided, by its id", () => {
  const [path] = reportPaths([judged(machine("sg-db", "10.0.2.9", "subnet-c"))], NAMES);
  expect(
    path?.hops.map(({ kind, result, direction, answers, rule }) => [kind, result, direction, answers, rule]),
  ).toEqual(expect.arrayContaining([["group", "passes", "out", false, "sgr-sg-p_out_-1_0.0.0.0/0"]]));
  expect(path?.hops[0]?.text).toBe("sg-p (p) lets it out by sgr-sg-p_out_-1_0.0.0.0/0: all to 0.0.0.0/0");
});

it("commands have the flags that the AWS CLI needs besides", () => {
  const [path] = reportPaths([judged(machine("sg-other"))], NAMES);
  expect(path?.commands).toEqual([
    "aws ec2 authorize-security-group-ingress --group-id sg-other --ip-permissions 'IpProtocol=tcp,FromPort=5432,ToPort=5432,UserIdGroupPairs=[{GroupId=sg-p}]' --region eu-west-1",
  ]);
  const bare = reportPaths([judged(machine("sg-other"))], { ...NAMES, flags: "" });
  expect(bare[0]?.commands[0]).toMatch(/'$/);
});

it("what gives the pod a group of its own says which, and who makes it anew", () => {
  const offer = (kind: "label" | "policy", isByHand: boolean) => {
    const policy = { namespace: "shop", name: "clients" };
    const made = { policy, labels: { a: "1", b: "2" }, groups: ["sg-client"], commands: ["x"] };
    const [path] = reportPaths(
      [{ ...judged(machine("sg-other")), alternatives: [{ kind, isByHand, ...made }] }],
      NAMES,
    );
    return path?.alternatives;
  };
  expect(offer("label", false)).toEqual([
    {
      kind: "label",
      line: "with the label a=1 and b=2 it would reach: SecurityGroupPolicy shop/clients then gives it sg-client (client) instead of its node's groups",
      policy: "shop/clients",
      labels: { a: "1", b: "2" },
      groups: [{ id: "sg-client", name: "client", exists: true }],
      commands: ["x"],
    },
  ]);
  expect(offer("policy", true)?.[0]?.line).toBe(
    "with a SecurityGroupPolicy it would reach: one that gives pods with a=1 and b=2 sg-client (client) instead of their node's groups; create the pod again, as no controller does",
  );
});

it("a path over the node says so, and has no hops", () => {
  const [path] = reportPaths([judged({ ...node("n1"), kind: "node" })], NAMES);
  expect(path).toMatchObject({ answer: expect.any(String), to: { name: "node n1" } });
});

it("what was settled before stays as it is", () => {
  const settled: Settled = {
    kind: "settled",
    asked: "to-pod",
    title: "to pod a/b:1",
    protocol: "tcp",
    port: 1,
    answer: "does not reach",
    why: "pod a/b has ended",
    notes: [],
  };
  expect(
    reportPaths([settled, { ...settled, answer: "reaches", why: "" }], NAMES).map(({ line }) => line),
  ).toEqual(["does not reach: pod a/b has ended", "reaches"]);
});

it.each([
  [{ id: "sg-1" }, "sg-1"],
  [{ id: "sg-1", name: "web", exists: true }, "sg-1 (web)"],
  [{ id: "sg-1", exists: false }, "sg-1 (does not exist)"],
])("a group is called %j", (group, words) => expect(wordsOfGroup(group)).toBe(words));
