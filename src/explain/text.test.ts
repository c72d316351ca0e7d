import { expect, it } from "vitest";
import { styleOf } from "../text/style.ts";
import type { Report, ReportedHop, ReportedPath } from "./report.ts";
import { linesOf } from "./text.ts";

const REPORT: Report = {
  version: 1,
  branchline: "0.1.0",
  at: "2026-11-29T10:00:00Z",
  pod: {
    namespace: "shop",
    name: "web-0",
    uid: "u",
    phase: "Running",
    ready: true,
    createdAt: "2026-11-29T10:00:00Z",
    serviceAccount: "default",
    addresses: ["10.0.0.7"],
    network: "branch",
  },
  policies: [],
  otherPolicies: 0,
  groups: { wanted: [], has: [] },
  events: [],
  problems: [],
  paths: [],
  notes: [],
  notLookedAt: [],
  answer: "fine",
  line: "fine: x",
  exit: 0,
};

const lines = (more: Partial<Report>) => linesOf({ ...REPORT, ...more }, styleOf(false));
const policy = (name: string, selection: "no" | "selects") => ({
  namespace: "shop",
  name,
  selection,
  ...(selection === "no" && { why: "other labels" }),
  groups: ["sg-1"],
  createdAt: "",
  changedAt: "",
});
const hop = (kind: ReportedHop["kind"], result: ReportedHop["result"], answers: boolean): ReportedHop => ({
  kind,
  result,
  direction: "out",
  answers,
  text: `${kind} ${result}`,
});
const path = (answer: ReportedPath["answer"], ...hops: readonly ReportedHop[]): ReportedPath => ({
  asked: "to",
  title: "to db:1",
  protocol: "tcp",
  port: 1,
  answer,
  line: answer,
  way: [],
  hops,
  commands: [],
  alternatives: [],
  notes: [],
});

it("ends in the answer, and is plain where there are no colours", () => {
  const text = lines({ line: "does not reach: x", answer: "does not reach" });
  expect(text.at(-1)).toBe("does not reach: x");
  expect(text.join("")).not.toContain("\u001b");
  expect(linesOf(REPORT, styleOf(true)).at(-1)).toContain("\u001b[32mfine: x");
});

it("leaves out sections without anything in them", () =>
  expect(lines({})).toEqual([
    "pod        shop/web-0, Running, ready, made 2026-11-29T10:00:00Z",
    "node       none yet",
    "network    a branch of its own",
    "addresses  10.0.0.7",
    "",
    "Policies",
    "  none in its namespace",
    "",
    "Groups",
    "  has  none",
    "",
    "fine: x",
  ]));

it("shows twelve policies, all that select the pod, and counts the rest", () => {
  const many = Array.from({ length: 20 }, (_, i) => policy(`p${i}`, "no"));
  const shown = (policies: Report["policies"]) =>
    lines({ policies }).filter((line) => line.startsWith("  shop/"));
  expect(shown(many)).toHaveLength(12);
  expect(lines({ policies: many })).toContain("  and 8 more that do not (-o json has all)");
  const selecting = Array.from({ length: 15 }, (_, i) => policy(`p${i}`, "selects"));
  expect(shown([...selecting, ...many])).toHaveLength(15);
});

it("says of answers once that groups know the connection, and only where they come", () => {
  const tracked = [hop("tracked", "passes", true), hop("tracked", "passes", true)];
  const open = lines({ paths: [path("reaches", hop("group", "passes", false), ...tracked)] });
  expect(open).toContain("  out      ok  group passes");
  expect(open).toContain("  answers  ok  the groups at both ends know the connection");
  const closed = lines({
    paths: [
      path(
        "does not reach",
        hop("group", "refused", false),
        hop("route", "passes", false),
        ...tracked,
        hop("acl", "passes", true),
        hop("acl", "refused", true),
      ),
    ],
  });
  expect(closed.filter((line) => / {2}(?:ok|no|\?) {2}/.test(line))).toEqual([
    "  out             no  group refused",
    "  route           ok  route passes",
    "  answer acl out  no  acl refused",
  ]);
});

it("offers a group of its own before the node's rule, as it is to be typed, and says for whom that rule is", () => {
  const from = {
    name: "shop/web-0",
    address: "10.0.0.7",
    interface: "eni-node",
    groups: [{ id: "sg-node" }],
  };
  const one: ReportedPath = { ...path("does not reach"), from, commands: ["aws ec2 x"] };
  const alternative = {
    kind: "policy",
    line: "with a SecurityGroupPolicy it would reach",
    policy: "shop/web",
    labels: {},
    groups: [],
    commands: ["kubectl apply -f - <<EOF\na: b\nEOF", "kubectl rollout restart x"],
  } as const;
  const pod = { ...REPORT.pod, network: "node-interfaces" } as const;
  expect(lines({ pod, paths: [{ ...one, alternatives: [alternative] }] }).slice(-9, -2)).toEqual([
    "  with a SecurityGroupPolicy it would reach:",
    "kubectl apply -f - <<EOF",
    "a: b",
    "EOF",
    "kubectl rollout restart x",
    "  Or these rules would let it pass, and all that the node and its other pods send with these groups:",
    "    aws ec2 x",
  ]);
  const head = (more: Partial<Report>, its: Partial<ReportedPath> = {}) =>
    lines({ paths: [{ ...one, ...its }], ...more }).find((line) => line.startsWith("  These rules"));
  const alone = "  These rules would let it pass:";
  expect(head({ pod })).not.toBe(alone);
  // A direct pod calls Services by its node's interface.
  const branch = { eni: "eni-b", mac: "", vlan: 1, addresses: [], datapaths: [], because: "" };
  expect(head({ branch })).not.toBe(alone);
  expect(head({ branch: { ...branch, eni: "eni-node" } })).toBe(alone);
  expect(head({ pod }, { asked: "from-pod" })).toBe(alone);
});

it("says what was not looked at, with the permission that is missing", () =>
  expect(
    lines({
      notLookedAt: [
        { what: "events", reason: "denied", message: "forbidden", permission: "list events in shop" },
        { what: "instances", reason: "failed", message: "no answer" },
        { what: "EC2", reason: "skipped", message: "--no-ec2 was given" },
      ],
    }).slice(-6),
  ).toEqual([
    "Not looked at",
    "  events: no permission for list events in shop",
    "  instances: no answer",
    "  --no-ec2 was given",
    "",
    "fine: x",
  ]));
