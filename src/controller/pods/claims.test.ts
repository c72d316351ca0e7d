import { expect, it } from "vitest";
import { branchOf, ledgerOf, podFacts } from "../../../test/unit/view.ts";
import { type Branch, type Ledger, withRequest } from "../ledger.ts";
import { withClaims } from "./claims.ts";

const claim = { eniId: "eni-1", vlanId: 1, associationId: "assoc of eni-1", mac: "02:00:00:00:00:01" };
const found = (id: string, uid: string, fields: Partial<Branch> = {}) =>
  branchOf({
    id,
    state: "found",
    association: undefined,
    pod: { namespace: "shop", name: uid, uid },
    ...fields,
  });
const waiting = podFacts();
const other = podFacts({ name: "db", uid: "pod-2" });

/** State and VLAN id of each branch. */
const shown = ({ branches }: Ledger) =>
  Object.fromEntries([...branches.values()].map(({ eni, state, vlan }) => [eni.id, `${state} ${vlan}`]));

it.each([
  ["is known by it alone", [], { "eni-1": "assigned 1" }],
  ["was found", [found("eni-1", "pod-1")], { "eni-1": "assigned 1" }],
  ["is being made ready", [branchOf({ state: "associated" })], { "eni-1": "assigned 1" }],
  ["cools: its pod is known to be gone", [branchOf({ state: "cooling" })], { "eni-1": "cooling 1" }],
  [
    "cools, and was another pod's",
    [branchOf({ state: "cooling", pod: { namespace: "shop", name: "web", uid: "pod-0" } })],
    { "eni-1": "assigned 1" },
  ],
  [
    "is warm, and was given away as a controller ended",
    [branchOf({ state: "warm", pod: undefined })],
    { "eni-1": "assigned 1" },
  ],
  ["is warm: its pod is known to be gone", [branchOf({ state: "warm" })], { "eni-1": "warm 1" }],
  ["is being released", [branchOf({ state: "releasing" })], { "eni-1": "releasing 1" }],
])("an annotation's branch that %s", (_what, branches, expected) => {
  expect(shown(withClaims(ledgerOf({ branches }), [podFacts({ claim })], 0))).toEqual(expected);
});

it.each([
  ["one that we have deleted", ledgerOf({ deleted: new Map([["eni-1", 0]]) }), { claim }],
  ["that of a pod that is finished", ledgerOf(), { claim, isFinished: true }],
  ["one that cannot be read", ledgerOf(), { claim: "unreadable" as const }],
])("an annotation tells nothing: %s", (_what, ledger, pod) => {
  expect(shown(withClaims(ledger, [podFacts(pod)], 0))).toEqual({});
});

it.each([
  ["on no VLAN", found("eni-1", "pod-1"), { "eni-1": "created 1" }],
  ["on its VLAN", found("eni-1", "pod-1", { association: "a" }), { "eni-1": "associated 1" }],
  ["for another UID", found("eni-1", "pod-0"), { "eni-1": "found 1" }],
  [
    "for a pod that AWS's controller does not name",
    { ...found("eni-1", ""), pod: undefined },
    { "eni-1": "found 1" },
  ],
])("a branch that was found %s", (_what, branch, expected) => {
  expect(shown(withClaims(ledgerOf({ branches: [branch] }), [waiting], 0))).toEqual(expected);
});

it("two that were found with tags of one VLAN id do not wait for each other", () => {
  const branches = [found("eni-1", "pod-1"), found("eni-2", "pod-2")];
  const ledger = withClaims(ledgerOf({ branches }), [waiting, other], 0);
  expect(shown(ledger)).toEqual({ "eni-1": "created 1", "eni-2": "found undefined" });
});

it("gives up a VLAN id that a creation under way has", () => {
  const making = { vlan: 1, groups: [] };
  const request = { pod: other, attempt: 0, making, provenAt: 0, retry: undefined };
  const ledger = withRequest(ledgerOf({ branches: [found("eni-1", "pod-1")] }), "pod-2", request);
  expect(shown(withClaims(ledger, [waiting], 0))).toEqual({ "eni-1": "found undefined" });
});

it("takes one of two for the same pod", () => {
  const branches = [found("eni-1", "pod-1"), found("eni-2", "pod-1", { vlan: 2 })];
  const ledger = withClaims(ledgerOf({ branches }), [waiting], 0);
  expect(shown(withClaims(ledger, [waiting], 0))).toEqual({ "eni-1": "created 1", "eni-2": "found 2" });
});
