import { expect, it } from "vitest";
import { branchOf, ledgerOf, podFacts, viewOf } from "../../../../test/unit/view.ts";
import type { Action } from "../../action.ts";
import type { Branch } from "../../ledger.ts";
import type { PodNow, PodPort, Ports } from "../../ports.ts";
import { withClaims } from "../claims.ts";
import { decideReleases } from "../releases.ts";
import { confirmGone } from "./confirm-gone.ts";
import { lookAtPod } from "./look-at-pod.ts";
import { setGroups } from "./set-groups.ts";

/** What a controller before us had sent may arrive between the API server's answer and its end here. */

const call = { signal: new AbortController().signal, priority: "releasing" } as const;
const annotated = podFacts({
  name: "next",
  uid: "pod-2",
  claim: { eniId: "eni-1", vlanId: 1, associationId: "assoc of eni-1", mac: "02:00:00:00:00:01" },
});

/** State and pod of the branch, when its annotation is known before the answer to what was asked about it. */
async function after(branch: Branch, action: Action, pods: Partial<PodPort>): Promise<readonly unknown[]> {
  const learn = await action.run({ pods } as unknown as Ports, call);
  const claimed = withClaims(ledgerOf({ branches: [branch] }), [annotated], 1_000);
  const known = learn(claimed, { now: 2_000, random: () => 0 }).branches.get("eni-1");
  return [known?.state, known?.pod?.uid];
}

it.each([
  ["one without a pod in its tags", branchOf({ state: "found", pod: undefined })],
  ["one whose pod has gone", branchOf({ state: "found" })],
])("a branch that a pod has by now does not cool because none had it before: %s", async (_what, branch) => {
  const pods = { read: async () => undefined, isClaimed: async () => false };
  expect(await after(branch, confirmGone(viewOf(), branch), pods)).toEqual(["assigned", "pod-2"]);
});

it.each<[string, PodNow | undefined]>([
  ["is gone", undefined],
  ["has finished", { isFinished: true, hasAnnotations: false, annotation: undefined }],
])("nor because the pod that it was on its way to %s", async (_what, now) => {
  const branch = branchOf({ state: "associated", mayBeAnnotated: true });
  const action = lookAtPod(viewOf(), podFacts(), branch);
  expect(await after(branch, action, { read: async () => now })).toEqual(["assigned", "pod-2"]);
});

it("a pod that is there although its node is gone is asked for more and more seldom", async () => {
  const pods = { read: async () => ({ isFinished: false, hasAnnotations: false, annotation: undefined }) };
  let ledger = ledgerOf({ branches: [branchOf()] });
  let now = 0;
  const pauses: number[] = [];
  for (let i = 0; i < 6; i += 1) {
    const view = viewOf({ ledger, node: undefined });
    const [action] = decideReleases(view, now).actions;
    const learn = await action?.run({ pods } as unknown as Ports, call);
    ledger = learn?.(ledger, { now, random: () => 1 }) ?? ledger;
    const until = decideReleases({ ...view, ledger }, now).wakeAt ?? now;
    pauses.push(until - now);
    now = until;
  }
  expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

it.each([
  ["is given up, and its pod begins anew", "own" as const, 120_000, "releasing", 1],
  [
    "is looked at as if it had just been found, when a controller before us has made it",
    2,
    120_000,
    "found",
    1,
  ],
  ["is waited for while it is young", "own" as const, 119_999, "associated", undefined],
])(
  "a branch that EC2 does not know when it is to have its pod's groups %s",
  (_what, seen, now, state, attempt) => {
    const branch = branchOf({ state: "associated", areGroupsSure: false, seen });
    const ledger = ledgerOf({ branches: [branch] });
    const gone = { kind: "gone", code: "InvalidNetworkInterfaceID.NotFound", message: "no" } as const;
    const left = setGroups(podFacts(), branch).failed(ledger, gone, { now, random: () => 0 });
    expect(left.branches.get("eni-1")?.state).toBe(state);
    expect(left.requests.get("pod-1")?.attempt).toBe(attempt);
  },
);
