import { expect, it } from "vitest";
import { branchOf, cniNodeFacts, ledgerOf, nodeFacts, SETTINGS, viewOf } from "../../../test/unit/view.ts";
import type { Ports } from "../ports.ts";
import { decideCapacity } from "./capacity.ts";

const set = (fields: Parameters<typeof viewOf>[0]) =>
  decideCapacity(viewOf(fields), 0).actions.map(({ fields: { capacity } }) => capacity);
const node = nodeFacts({ capacity: undefined, allocatable: undefined });

it.each([
  ["nothing is held", [], 9],
  ["a pod has a branch", [branchOf()], 9],
  ["one cools", [branchOf({ state: "cooling", until: 60_000 })], 8],
  ["one is released", [branchOf({ state: "releasing" })], 8],
  ["one is off its VLAN id, and not deleted yet", [branchOf({ state: "releasing", vlan: undefined })], 9],
  ["one was found", [branchOf({ state: "found" })], 8],
])("when %s", (_what, branches, expected) => {
  expect(set({ node, ledger: ledgerOf({ branches }) })).toEqual([expected]);
});

it("is less by VLAN ids that somebody else has", () => {
  expect(set({ node, ledger: ledgerOf({ blocked: new Map([[3, 1_000]]) }) })).toEqual([8]);
});

it("is 0 for a type of which nothing is known any more", () => {
  expect(set({ node: nodeFacts({ instanceType: "x9.mega" }) })).toEqual([0]);
});

it.each([
  ["before a description", { ledger: ledgerOf({ descriptions: 0 }) }],
  ["without a trunk", { ledger: ledgerOf({ trunk: { state: "unknown" } }) }],
  ["on a node that is not ours", { cniNode: cniNodeFacts({ managedBy: "somebody" }) }],
  ["on EKS", { settings: { ...SETTINGS, mode: "eks" as const } }],
  ["when it is set", { node: nodeFacts() }],
])("is not set %s", (_what, fields) => expect(set({ node, ...fields })).toEqual([]));

it("is set once more when a controller before us has ended while it waited for kubelet", () => {
  const allocatable = nodeFacts({ allocatable: 5 });
  expect(set({ node: allocatable, ledger: ledgerOf({ capacityAt: undefined }) })).toEqual([9]);
  expect(set({ node: allocatable, ledger: ledgerOf({ capacityAt: 0 }) })).toEqual([]);
});

it("waits for kubelet to make it allocatable, and then does it itself", async () => {
  const view = viewOf({ node: nodeFacts({ allocatable: 5 }), ledger: ledgerOf({ capacityAt: 1_000 }) });
  const waiting = decideCapacity(view, 30_999);
  expect(waiting.actions).toEqual([]);
  expect(waiting.wakeAt).toBe(31_000);
  const told: unknown[] = [];
  const nodes = {
    setCapacity: async ({ name }: { readonly name: string }, capacity: number, alsoAllocatable: boolean) =>
      void told.push(name, capacity, alsoAllocatable),
  };
  const [action] = decideCapacity(view, 31_000).actions;
  await action?.run({ nodes } as unknown as Ports, {
    signal: new AbortController().signal,
    priority: "changing",
  });
  expect(told).toEqual(["n1", 9, true]);
});
