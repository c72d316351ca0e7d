import { expect, it } from "vitest";
import { branchOf, ledgerOf } from "../../../test/unit/view.ts";
import { freeVlans, nextFree, slotsForPods } from "./slots.ts";

const request = {
  pod: { namespace: "shop", name: "web", uid: "pod-1" },
  attempt: 0,
  making: { vlan: 4, groups: [] },
  provenAt: 0,
  retry: undefined,
};
const ledger = ledgerOf({
  branches: [
    branchOf({ id: "eni-1", vlan: 1 }),
    branchOf({ id: "eni-2", vlan: 2, state: "cooling", until: 7_000 }),
    branchOf({ id: "eni-3", vlan: undefined, state: "releasing" }),
    branchOf({ id: "eni-4", vlan: 6, state: "found" }),
  ],
  requests: new Map([["pod-1", request]]),
  blocked: new Map([[3, 5_000]]),
});

it("counts all that hold a VLAN id, or may", () => {
  expect(freeVlans(ledger, 9)).toEqual([5, 7, 8, 9]);
  expect(freeVlans(ledger, 5)).toEqual([]);
  expect(freeVlans(ledger, 0)).toEqual([]);
});

it("gives no VLAN id above 120", () => {
  expect(freeVlans(ledgerOf(), 1_000)).toHaveLength(120);
});

it("leaves pods what is theirs, and what is free", () => {
  expect(slotsForPods(ledger, 9)).toBe(6);
  expect(slotsForPods(ledger, 2)).toBe(0);
});

it("knows when the next is free by itself", () => {
  expect(nextFree(ledger, 0)).toBe(5_000);
  expect(nextFree({ ...ledger, blocked: new Map() }, 0)).toBe(7_000);
  expect(nextFree(ledger, 5_000)).toBe(7_000);
  expect(nextFree(ledger, 7_000)).toBeUndefined();
  expect(nextFree(ledgerOf({ branches: [branchOf()] }), 0)).toBeUndefined();
});
