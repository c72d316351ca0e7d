import { expect, it } from "vitest";
import { branchOf } from "../../../test/unit/view.ts";
import type { Branch } from "../ledger.ts";
import { withDescribedGroups } from "./described-groups.ts";
import { homeAfter } from "./home.ts";

const home = { namespace: "shop", isOpen: false };
const found = (fields: Partial<Branch> = {}) =>
  branchOf({ state: "cooling", seen: 1, areGroupsSure: false, home, ...fields });
const described = (branch: Branch, groups: readonly string[], askedAt = 60_000) => {
  const one = { eni: { ...branch.eni, groups }, vlan: 1, association: "a", pod: undefined, home };
  return withDescribedGroups(branch, one, askedAt);
};

it.each([
  ["described once more some time later", found(), 60_000, true],
  ["described once more at once", found(), 20_000, false],
  [
    "described just after its pod, which was to have others, had gone",
    found({ since: 50_000 }),
    60_000,
    false,
  ],
  ["of a pod that has it", found({ state: "assigned" }), 60_000, true],
  ["that are being given", found({ state: "associated" }), 60_000, false],
  ["changed under its pod, of which we know more", found({ home: undefined }), 60_000, false],
  ["that may be several", found({ home: { ...home, isOpen: true } }), 60_000, false],
])("groups %s", (_what, branch, askedAt, expected) => {
  expect(described(branch, ["sg-a"], askedAt).areGroupsSure).toBe(expected);
});

it("a branch that has other groups than we think is nobody's", () => {
  expect(described(branchOf({ state: "warm", home }), ["sg-x"])).toMatchObject({
    areGroupsSure: false,
    home: undefined,
  });
  expect(described(branchOf({ home }), ["sg-x"])).toMatchObject({ areGroupsSure: true, home: undefined });
});

it("one known by an annotation alone gets what is described, and a home only in its pod's namespace", () => {
  const subnet = { id: "", cidr: "", ipv6Cidr: undefined };
  const claimed = branchOf({ home: undefined, eni: { ...branchOf().eni, groups: [], subnet } });
  const one = { eni: branchOf().eni, vlan: 1, association: "a", pod: undefined, home };
  expect(withDescribedGroups(claimed, one, 0)).toMatchObject({ home, eni: { groups: ["sg-a"] } });
  const bank = { ...one, home: { namespace: "bank", isOpen: false } };
  expect(withDescribedGroups(claimed, bank, 0).home).toBeUndefined();
});

it("whose groups change under its pod is nobody's afterwards, unless it is for all groups", () => {
  expect(homeAfter(branchOf({ home }))).toBeUndefined();
  expect(homeAfter(branchOf({ home: { ...home, isOpen: true } }))).toEqual({ ...home, isOpen: true });
  expect(homeAfter(branchOf({ home, state: "associated" }))).toEqual(home);
});
