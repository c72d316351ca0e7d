import { expect, it } from "vitest";
import { kindsOf, ledgerOf, SETTINGS, viewOf } from "../../../test/unit/view.ts";
import { type DescribedTrunk, withDescription } from "../description.ts";
import type { Trunk } from "../ledger.ts";
import type { View } from "../view.ts";
import { decideStrayTrunks } from "./stray-trunks.ts";

const left: DescribedTrunk = {
  id: "eni-left",
  mac: "02:00:00:00:00:fe",
  subnet: "subnet-1",
  attachment: undefined,
};
const attached = ledgerOf().trunk;
const ours = { ...(attached as Extract<Trunk, { state: "attached" }>), id: left.id };
const undoing: Trunk = { state: "undoing", id: left.id, since: 0, why: "", hasFailed: false };

/** After so many descriptions that have shown the trunk on no instance. */
function seen(times: number, trunk: Trunk, fields: Partial<View> = {}): View {
  let ledger = ledgerOf({ trunk });
  for (let i = 0; i < times; i += 1)
    ledger = withDescription(ledger, { askedAt: i, branches: [], trunks: [left] }, i);
  return viewOf({ ledger, ...fields });
}

it.each<[string, View, readonly string[]]>([
  ["one beside the node's own", seen(2, attached), ["RemoveStrayTrunk"]],
  ["one that was described once", seen(1, attached), []],
  ["one that may become the node's", seen(2, { state: "unknown" }), []],
  ["the node's own, which is attached as far as is known", seen(2, ours), []],
  ["the last of an instance without a Node", seen(2, undoing, { node: undefined }), ["RemoveStrayTrunk"]],
  ["the same, which we had attached ourselves", seen(2, ours, { node: undefined }), ["RemoveStrayTrunk"]],
  ["the same, described once", seen(1, undoing, { node: undefined }), []],
  ["the same, while not all Nodes are known", seen(2, undoing, { node: undefined, isComplete: false }), []],
  ["on EKS", seen(2, undoing, { node: undefined, settings: { ...SETTINGS, mode: "eks" } }), []],
])("%s", (_what, view, kinds) => {
  expect(kindsOf(decideStrayTrunks(view, 10))).toEqual(kinds);
});

it("an instance whose last trunk was removed has none, should it have a Node again", async () => {
  const view = seen(2, undoing, { node: undefined });
  const [action] = decideStrayTrunks(view, 10).actions;
  const ec2 = { interfaces: () => Promise.resolve([{}]), deleteInterface: () => Promise.resolve() };
  const call = { signal: new AbortController().signal, priority: "releasing" } as const;
  const learn = await action?.run({ ec2 } as never, call);
  const ledger = learn?.(view.ledger, { now: 20, random: () => 0 });
  expect(ledger).toMatchObject({ trunk: { state: "unknown" }, trunkAttempt: 1, strayTrunks: new Map() });
});
