import { expect, it } from "vitest";
import { cniNodeFacts, kindsOf, ledgerOf, nodeFacts, SETTINGS, viewOf } from "../../../test/unit/view.ts";
import { decideCniNode } from "./cni-node.ts";

it.each([
  ["there is none", { cniNode: undefined }, ["CreateCniNode"]],
  ["it is the node's", {}, []],
  [
    "somebody made it without an owner",
    { cniNode: cniNodeFacts({ ownerUid: undefined, instance: undefined }) },
    [],
  ],
  [
    "it is of a Node that had the name before",
    { cniNode: cniNodeFacts({ ownerUid: "before" }) },
    ["DeleteCniNode"],
  ],
  [
    "it is of an instance that had the name before",
    { cniNode: cniNodeFacts({ instance: "i-0" }) },
    ["DeleteCniNode"],
  ],
  ["that is being deleted", { cniNode: cniNodeFacts({ instance: "i-0", isBeingDeleted: true }) }, []],
  ["there is no Node", { cniNode: undefined, node: undefined }, []],
  ["the node is of Windows", { cniNode: undefined, node: nodeFacts({ isLinux: false }) }, []],
  ["the caches are not complete", { cniNode: undefined, isComplete: false }, []],
  ["AWS's controller makes it", { cniNode: undefined, settings: { ...SETTINGS, mode: "eks" as const } }, []],
])("when %s", (_what, fields, expected) => {
  expect(kindsOf(decideCniNode(viewOf(fields), 0))).toEqual(expected);
});

it("waits after a failure", () => {
  const retries = new Map([["cni-node", { failures: 1, notBefore: 500, why: "" }]]);
  const view = viewOf({ cniNode: undefined, ledger: ledgerOf({ retries }) });
  expect(decideCniNode(view, 0)).toMatchObject({ actions: [], wakeAt: 500 });
  expect(kindsOf(decideCniNode(view, 500))).toEqual(["CreateCniNode"]);
});
