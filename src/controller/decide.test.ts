import { expect, it } from "vitest";
import { branchOf, ledgerOf, podFacts, SETTINGS, viewOf } from "../../test/unit/view.ts";
import { decide } from "./decide.ts";
import type { Branch } from "./ledger.ts";
import type { WarmSettings } from "./view.ts";

const warm = (fields: Partial<Branch> & { readonly id?: string } = {}) =>
  branchOf({ id: "eni-w", vlan: 7, state: "warm", pod: undefined, wasWarm: true, ...fields });
const inEc2 = (branches: readonly Branch[], settings: Partial<WarmSettings>) =>
  decide(
    viewOf({
      settings: { ...SETTINGS, warm: { ...SETTINGS.warm, target: 2, ...settings } },
      pods: [podFacts()],
      ledger: ledgerOf({ branches }),
    }),
    0,
  )
    .actions.filter(({ fields }) => "eni" in fields)
    .map(({ kind, fields }) => `${kind} ${fields["eni"]}`);

const other = { ...branchOf().eni, id: "eni-w", groups: ["sg-b"] };

it.each<[string, readonly Branch[], Partial<WarmSettings>, readonly string[]]>([
  ["there is no room for it any more", [warm()], { room: () => -1 }, ["ClaimWarm eni-w"]],
  ["there are too many", [warm(), warm({ id: "eni-v", vlan: 8 })], { target: 1 }, ["ClaimWarm eni-w"]],
  [
    "there is no room, and it is of other groups",
    [warm({ eni: other, home: { namespace: "shop", isOpen: true } })],
    { room: () => -1, recycle: "across-groups" },
    ["TakeWarm eni-w"],
  ],
])(
  "a warm branch that a pod is given is not released as well, when %s",
  (_what, branches, settings, expected) => {
    expect(inEc2(branches, settings)).toEqual(expected);
  },
);
