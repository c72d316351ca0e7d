import { AnnotationError, decodeIdentity } from "../../../ipam/annotation.ts";
import type { Action, Learn } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch, isSamePod } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";
import type { PodNow } from "../../ports.ts";
import type { View } from "../../view.ts";
import { ended } from "../ended.ts";

/** Asks the API server whether the pod has the branch: an annotation was sent, and what became of it is not known. */
export function lookAtPod({ settings: { cooldownMs } }: View, pod: PodFacts, branch: Branch): Action {
  const { id } = branch.eni;
  const { namespace, name, uid } = pod;
  return {
    kind: "LookAtPod",
    subject: `pod ${uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id },
    begin: (ledger) => ledger,
    async run(ports, call) {
      return learned(branch, await ports.pods.read({ namespace, name, uid }, call.signal), cooldownMs);
    },
    failed: (ledger, failure, moment) =>
      changeBranch(ledger, id, (known) => ({ ...known, retry: retryAfter(known.retry, failure, moment) })),
  };
}

function learned(asked: Branch, pod: PodNow | undefined, cooldownMs: number): Learn {
  const { id } = asked.eni;
  return (ledger, { now }) =>
    changeBranch(ledger, id, (known) => {
      // An annotation that a controller before us had sent may have given it to another pod since.
      if (!isSamePod(known, asked)) return known;
      // With another branch in its annotation, this one is nobody's.
      if (pod === undefined || pod.isFinished) return ended(known, now, cooldownMs);
      if (pod.annotation === undefined) return { ...known, mayBeAnnotated: false };
      if (eniOf(pod.annotation) !== id) return ended(known, now, cooldownMs);
      return { ...known, state: "assigned", since: now, retry: undefined };
    });
}

/** Undefined for an annotation that names none. */
export function eniOf(annotation: string): string | undefined {
  try {
    return decodeIdentity(annotation).eniId;
  } catch (error) {
    if (error instanceof AnnotationError) return undefined;
    throw error;
  }
}
