import { expect, it } from "vitest";
import { branchOf, changeOf, ledgerOf, podFacts, SETTINGS, viewOf } from "../../../test/unit/view.ts";
import { tidied } from "./tidy.ts";

const pod = podFacts();
const request = { pod, attempt: 0, making: { vlan: 1, groups: [] }, provenAt: 0, retry: undefined };
const ledger = ledgerOf({ requests: new Map([["pod-1", request]]), blocked: new Map([[3, 1_000]]) });

it.each([
  ["waits", { pods: [pod] }, true],
  ["has gone", {}, false],
  ["is finished", { pods: [podFacts({ isFinished: true })] }, false],
  ["has an annotation", { pods: [podFacts({ claim: "unreadable" as const })] }, false],
  ["may be in a cache that is not complete yet", { isComplete: false }, true],
  ["has gone while its branch is being made", { busy: new Set(["pod pod-1"]) }, true],
])("a request whose pod %s", (_what, fields, isKept) => {
  expect(tidied(ledger, viewOf(fields), 0).requests.has("pod-1")).toBe(isKept);
});

it("knows the pods that were there before it", () => {
  const before = tidied(ledgerOf(), viewOf({ pods: [pod], isComplete: false }), 0);
  expect(before.inherited).toBeUndefined();
  const first = tidied(before, viewOf({ pods: [pod] }), 0);
  expect(first.inherited).toEqual(new Set(["pod-1"]));
  const later = tidied(first, viewOf({ pods: [pod, podFacts({ uid: "pod-2" })] }), 0);
  expect(later.inherited).toEqual(new Set(["pod-1"]));
});

it("blocks a VLAN id as long as it was said", () => {
  expect([...tidied(ledger, viewOf(), 999).blocked.keys()]).toEqual([3]);
  expect([...tidied(ledger, viewOf(), 1_000).blocked.keys()]).toEqual([]);
});

const claim = { eniId: "eni-1", vlanId: 1, mac: "", associationId: undefined };
const eks = { ...SETTINGS, mode: "eks" as const };

it.each([
  ["lives", { settings: eks, pods: [podFacts({ claim })] }, true],
  ["has gone", { settings: eks }, false],
  ["has finished", { settings: eks, pods: [podFacts({ claim, isFinished: true })] }, false],
  ["may be in a cache that is not complete yet", { settings: eks, isComplete: false }, true],
  ["has gone, and whose branch is ours to release", {}, true],
])("a branch whose pod %s", (_what, fields, isKept) => {
  const known = ledgerOf({ branches: [branchOf()], changes: new Map([["eni-1", changeOf()]]) });
  const { branches, changes } = tidied(known, viewOf(fields), 0);
  expect([branches.size, changes.size]).toEqual(isKept ? [1, 1] : [0, 0]);
});
