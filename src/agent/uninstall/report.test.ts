import { expect, it } from "vitest";
import { REPORT, formatReport, reportOf, type Report } from "./report.ts";

const report: Report = {
  mark: "20261128T150405Z",
  list: "removed",
  executable: "kept",
  attachments: 10,
  why: 'a "reason"',
};

it("is read as it was written", () =>
  expect(reportOf({ annotations: { [REPORT]: formatReport(report) } })).toEqual(report));

it.each([
  [undefined],
  [""],
  ["{"],
  ["[]"],
  ["null"],
  ['{"list":"removed"}'],
  ['{"mark":"20261128T150405Z"}'],
  ['{"mark":"20261128T150405Z","list":"gone"}'],
  ['{"mark":7,"list":"removed"}'],
])("%j is no report", (text) =>
  expect(reportOf({ annotations: text === undefined ? {} : { [REPORT]: text } })).toBeUndefined(),
);

it("what a later version adds or leaves out is no matter, but for mark and list", () =>
  expect(
    reportOf({ annotations: { [REPORT]: '{"mark":"20261128T150405Z","list":"removed","more":1}' } }),
  ).toEqual({ mark: "20261128T150405Z", list: "removed", executable: "kept", attachments: 0, why: "" }));
