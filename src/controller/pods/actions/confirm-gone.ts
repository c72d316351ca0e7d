import type { CallOptions } from "../../../ec2/port.ts";
import { backOff } from "../../../sys/back-off.ts";
import type { Action, Learn } from "../../action.ts";
import { type Branch, changeBranch, isSamePod } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";
import type { Ports } from "../../ports.ts";
import type { View } from "../../view.ts";
import { ended } from "../ended.ts";
import { eniOf } from "./look-at-pod.ts";

/** A pod that is still there is looked at again after so long, and more and more seldom: it may hang on a node that is gone. */
const AGAIN = { firstMs: 5_000, longestMs: 60_000 } as const;

/**
 * Asks the API server itself whether the branch's pod is gone. A cache may lag behind, or have started on a list that was
 * not whole; a branch that is released under a living pod cannot be given back.
 */
export function confirmGone({ settings: { cooldownMs }, node }: View, branch: Branch): Action {
  const { id } = branch.eni;
  return {
    kind: "ConfirmGone",
    subject: `eni ${id}`,
    priority: "releasing",
    pod: branch.pod,
    fields: { eni: id },
    begin: (ledger) => ledger,
    async run(ports, call) {
      const isGone = await isUnused(ports, branch, node?.name, call);
      return learned(branch, isGone, cooldownMs);
    },
    failed: (ledger, failure, moment) =>
      changeBranch(ledger, id, (known) => ({ ...known, retry: retryAfter(known.retry, failure, moment) })),
  };
}

async function isUnused(
  ports: Ports,
  { pod, eni, state }: Branch,
  node: string | undefined,
  call: CallOptions,
): Promise<boolean> {
  // One that was found may have been another pod's since it was made: its tags do not change.
  const isClaimed = () => ports.pods.isClaimed(eni.id, node, call.signal);
  if (pod === undefined) return !(await isClaimed());
  const now = await ports.pods.read(pod, call.signal);
  if (now === undefined || now.isFinished) return state !== "found" || !(await isClaimed());
  // A second one that was made for it; its own is in the annotation.
  return state === "found" && now.annotation !== undefined && eniOf(now.annotation) !== eni.id;
}

function learned(asked: Branch, isGone: boolean, cooldownMs: number): Learn {
  return (ledger, { now, random }) =>
    changeBranch(ledger, asked.eni.id, (known) => {
      // An annotation that a controller before us had sent may have given it to a pod since.
      if (known.state !== asked.state || !isSamePod(known, asked)) return known;
      if (isGone) return ended(known, now, cooldownMs);
      const failures = (known.retry?.failures ?? 0) + 1;
      const notBefore = now + backOff(AGAIN, failures, random);
      return { ...known, retry: { failures, notBefore, why: "its pod is there" } };
    });
}
