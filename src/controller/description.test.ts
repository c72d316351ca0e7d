import { expect, it } from "vitest";
import { branchOf, ledgerOf } from "../../test/unit/view.ts";
import { withDescription } from "./description.ts";

const pod = { namespace: "shop", name: "web", uid: "pod-1" };
const requests = new Map([
  ["pod-1", { pod, attempt: 1, making: { vlan: 4, groups: ["sg-a"] }, provenAt: 0, retry: undefined }],
]);
const described = (association: string | undefined, owner: typeof pod | undefined) => ({
  askedAt: 0,
  branches: [{ eni: branchOf().eni, vlan: 4, association, pod: owner, home: undefined }],
  trunks: [],
});
const making = { namespace: "shop", groups: ["sg-a"], attempt: 0, retry: undefined };
const { warm } = ledgerOf();
const warming = { ...warm, making: new Map([[4, making]]) };

it.each([
  ["a pod", ledgerOf({ requests }), pod],
  ["the next pod", ledgerOf({ warm: warming }), undefined],
])(
  "what is being made for %s is left to the answer, unless it is on the trunk already",
  (_what, ledger, owner) => {
    const states = (association: string | undefined) =>
      [...withDescription(ledger, described(association, owner), 1_000).branches.values()].map(
        ({ state, vlan }) => [state, vlan],
      );
    expect(states(undefined)).toEqual([]);
    // By a controller before us: the VLAN id is not free, and this is not what is being made now.
    expect(states("assoc")).toEqual([["found", 4]]);
  },
);
