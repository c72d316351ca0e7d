import { expect, it } from "vitest";
import { branchOf, changeOf, ledgerOf } from "../../../test/unit/view.ts";
import {
  areGroupsUncertain,
  type GroupChange,
  withGroupsOfLiving,
  withoutEndedChanges,
} from "./group-change.ts";

const described = (askedAt: number, of?: GroupChange, branch = branchOf()) =>
  withGroupsOfLiving(branch, ["sg-x"], of, askedAt).eni.groups;

it("takes the groups that EC2 describes, once nothing of ours is newer", () => {
  expect(described(30_000)).toEqual(["sg-x"]);
  expect(described(29_999)).toEqual(["sg-a"]);
  expect(described(60_000, changeOf({ doneAt: 40_000 }))).toEqual(["sg-a"]);
  expect(described(70_000, changeOf({ doneAt: 40_000 }))).toEqual(["sg-x"]);
});

it("leaves a change alone that is under way, or whose answer was lost, and what is no living pod's", () => {
  expect(described(90_000, changeOf({ isUnderWay: true }))).toEqual(["sg-a"]);
  expect(described(90_000, changeOf({ mayBeDone: true }))).toEqual(["sg-a"]);
  expect(described(90_000, undefined, branchOf({ state: "cooling" }))).toEqual(["sg-a"]);
});

it("is sure of them then", () => {
  const unsure = branchOf({ areGroupsSure: false });
  expect(areGroupsUncertain(unsure, undefined)).toBe(true);
  expect(areGroupsUncertain(withGroupsOfLiving(unsure, ["sg-a"], undefined, 30_000), undefined)).toBe(false);
  // EC2 does not show it: an annotation may name anything.
  expect(areGroupsUncertain({ ...unsure, missing: 2 }, undefined)).toBe(false);
  // What is asked for again needs no description.
  expect(areGroupsUncertain(unsure, changeOf({ mayBeDone: true }))).toBe(false);
});

it("forgets changes of branches that are no living pod's", () => {
  const changes = new Map([
    ["eni-1", changeOf()],
    ["eni-2", changeOf()],
    ["eni-3", changeOf()],
  ]);
  const branches = [branchOf(), branchOf({ id: "eni-2", state: "cooling" })];
  expect([...withoutEndedChanges(ledgerOf({ branches, changes })).changes.keys()]).toEqual(["eni-1"]);
});
