import { expect, it } from "vitest";
import { type Concluded, conclude } from "./conclusion.ts";
import type { ReportedPath } from "./report.ts";

const path = (title: string, answer: ReportedPath["answer"], why = ""): ReportedPath => ({
  asked: "to",
  title,
  protocol: "tcp",
  port: 1,
  answer,
  line: why === "" ? answer : `${answer}: ${why}`,
  way: [],
  hops: [],
  commands: [],
  alternatives: [],
  notes: [],
});
const PROBLEM = { code: "subnet-full", line: "the subnet is full", todo: "" } as const;
const DENIED = { what: "events", reason: "denied", message: "no", permission: "list events" } as const;
const FAILED = { what: "instances", reason: "failed", message: "no answer" } as const;
const ABSENT = { what: "cninodes", reason: "absent", message: "not served" } as const;
const NOTHING: Concluded = {
  problems: [],
  paths: [],
  gaps: [],
  isAsked: false,
  noPaths: undefined,
  fine: "fine: x",
};

it.each<[string, Partial<Concluded>, string, number]>([
  ["nothing is wrong", {}, "fine: x", 0],
  [
    "a problem comes first",
    { problems: [PROBLEM], paths: [path("DNS", "reaches")] },
    "the subnet is full",
    1,
  ],
  ["one path", { paths: [path("DNS", "does not reach", "no rule")] }, "does not reach: no rule", 1],
  [
    "of several paths it is said which",
    { paths: [path("DNS", "reaches"), path("probe", "does not reach", "no rule")] },
    "does not reach: probe: no rule",
    1,
  ],
  [
    "the endpoints of one Service are one",
    { paths: [path("db", "reaches"), path("db", "does not reach", "no rule")] },
    "does not reach: no rule",
    1,
  ],
  [
    "what is certain comes before what is not",
    { paths: [path("a", "cannot say", "x"), path("b", "does not reach", "y")] },
    "does not reach: b: y",
    1,
  ],
  [
    "what is not known is no answer",
    { paths: [path("a", "reaches"), path("b", "cannot say", "x")] },
    "cannot say: b: x",
    3,
  ],
  ["all open", { paths: [path("a", "reaches")] }, "fine: x", 0],
  ["a permission is missing", { gaps: [DENIED] }, "cannot say: no permission for list events", 3],
  ["something failed", { gaps: [ABSENT, FAILED] }, "cannot say: no answer", 3],
  ["what is not there is no gap", { gaps: [ABSENT] }, "fine: x", 0],
  [
    "asked, and open",
    { isAsked: true, paths: [path("a", "reaches")], problems: [PROBLEM], gaps: [DENIED] },
    "reaches",
    0,
  ],
  [
    "asked, and closed",
    { isAsked: true, paths: [path("a", "does not reach", "x")], problems: [PROBLEM] },
    "does not reach: x",
    1,
  ],
  [
    "asked of a pod without a network",
    { isAsked: true, noPaths: "the pod waits" },
    "does not reach: the pod waits",
    1,
  ],
  [
    "asked of a pod that waits for a reason",
    { isAsked: true, noPaths: "the pod waits", problems: [PROBLEM] },
    "does not reach: the pod waits: the subnet is full",
    1,
  ],
  ["not asked of a pod without a network", { noPaths: "the pod has ended" }, "fine: x", 0],
])("%s", (_what, given, line, exit) => {
  const found = conclude({ ...NOTHING, ...given });
  expect([found.line, found.exit]).toEqual([line, exit]);
});
