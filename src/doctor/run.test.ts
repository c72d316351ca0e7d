import { expect, it } from "vitest";
import { type Check, type Finding, ok, problem, skipped, unknown, warning } from "./check.ts";
import { reportOf } from "./json.ts";
import { exitOf, skipWithout } from "./run.ts";
import { linesOf } from "./text.ts";

const PLAIN = (text: string) => text;
const COLOURS = { bold: PLAIN, red: PLAIN, yellow: PLAIN, green: PLAIN, dim: PLAIN };

function outcome(code: string, finding: Finding, needs: Check["needs"] = []) {
  const check: Check = {
    code,
    title: `Title of ${code}`,
    why: "It matters.",
    todo: "Do it.",
    place: "cluster",
    needs,
    judge: () => finding,
  };
  return { check, finding };
}

it("ends with 1 for a problem, 3 while something could not be looked at, 0 with warnings only", () => {
  const all = [ok("a"), warning("b"), skipped("c")].map((finding) => outcome("BL001", finding));
  expect(exitOf(all)).toBe(0);
  expect(exitOf([...all, outcome("BL002", unknown("d"))])).toBe(3);
  expect(exitOf([...all, outcome("BL002", unknown("d")), outcome("BL003", problem("e"))])).toBe(1);
});

it("skips what was left out on purpose, and nothing else", () => {
  const outcomes = [
    outcome("BL001", unknown("no permission"), ["pods"]),
    outcome("BL002", unknown("not asked"), ["subnets"]),
    outcome("BL003", problem("full"), ["subnets"]),
  ];
  const left = skipWithout(outcomes, ["subnets"], "--no-ec2 was given");
  expect(left.map(({ finding }) => [finding.result, finding.found])).toEqual([
    ["unknown", "no permission"],
    ["skipped", "--no-ec2 was given"],
    ["problem", "full"],
  ]);
});

it("prints what matters most first, problems in full, and counts", () => {
  const items = Array.from({ length: 22 }, (_, i) => `node n${i}`);
  const lines = linesOf(
    [
      outcome("BL001", ok("fine")),
      outcome("BL002", unknown("no permission for list pods")),
      outcome("BL003", problem("bad", items, "Do that.")),
    ],
    COLOURS,
  );
  expect(lines[0]).toBe("problem  BL003  Title of BL003: bad");
  expect(lines[1]).toBe("                - node n0");
  expect(lines.slice(20, 25)).toEqual([
    "                - node n19",
    "                - and 2 more (-o json has all)",
    "                Why: It matters.",
    "                To do: Do that.",
    "                See docs/doctor.md#bl003",
  ]);
  expect(lines.slice(25)).toEqual([
    "unknown  BL002  Title of BL002: no permission for list pods",
    "ok       BL001  Title of BL001: fine",
    "",
    "1 problem, 0 warnings, 1 ok, 0 skipped, 1 unknown",
  ]);
});

it("reports in a form that stays", () => {
  const about = { branchline: "0.1.0", now: Date.parse("2026-11-28T12:00:00Z"), place: "cluster" } as const;
  expect(reportOf([outcome("BL003", warning("bad", ["node n1"]))], about)).toEqual({
    version: 1,
    branchline: "0.1.0",
    at: "2026-11-28T12:00:00.000Z",
    place: "cluster",
    exit: 0,
    checks: [
      {
        code: "BL003",
        title: "Title of BL003",
        result: "warning",
        found: "bad",
        items: ["node n1"],
        why: "It matters.",
        todo: "Do it.",
        docs: "docs/doctor.md#bl003",
      },
    ],
  });
});
