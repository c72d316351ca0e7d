import type { Target, Targets } from "../party.ts";
import type { Question } from "../question.ts";
import type { Asking } from "./asking.ts";
import { toNameServers } from "./dns.ts";
import { fromNode, fromPod, probes, toPod } from "./pods.ts";
import { toHost } from "./to.ts";

/** The paths of all questions, in their order. CannotLookError for a pod that is not there, UsageError without a port. */
export async function targetsOf(asking: Asking, questions: readonly Question[]): Promise<Targets> {
  const all = await Promise.all(questions.map((question) => targetsOfOne(asking, question)));
  return {
    targets: all.flatMap(({ targets }) => targets),
    notes: all.flatMap(({ notes }) => notes),
  };
}

async function targetsOfOne(asking: Asking, question: Question): Promise<Targets> {
  switch (question.kind) {
    case "dns":
      return toNameServers(asking, question);
    case "probes":
      return probes(asking);
    case "to":
      return only(await toHost(asking, question));
    case "to-pod":
      return only(await toPod(asking, question));
    case "from-node":
      return only(fromNode(asking, question));
    case "from-pod":
      return only(await fromPod(asking, question));
  }
}

function only(targets: readonly Target[]): Targets {
  return { targets, notes: [] };
}
