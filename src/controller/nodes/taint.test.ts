import { expect, it } from "vitest";
import { kindsOf, nodeFacts, viewOf } from "../../../test/unit/view.ts";
import { decideTaint } from "./taint.ts";

it.each([
  [true, true, ["RemoveTaint"]],
  [true, false, []],
  [false, true, []],
])("tainted %s, agent Ready %s", (isTainted, isAgentReady, expected) => {
  expect(kindsOf(decideTaint(viewOf({ node: nodeFacts({ isTainted, isAgentReady }) }), 0))).toEqual(expected);
});

it("does nothing without a Node", () => {
  expect(kindsOf(decideTaint(viewOf({ node: undefined }), 0))).toEqual([]);
});
