import { primaryOf } from "../../ec2/types.ts";
import { valueOr } from "../../facts/fact.ts";
import type { Labels } from "../../policy/label-selector.ts";
import type { Filters } from "../../verdict/facts.ts";
import type { PodPlace } from "../../verdict/places.ts";
import { type Judged, judgeAll } from "../judged.ts";
import { connectionIn } from "../places.ts";
import type { Situation } from "../situation.ts";

/** The pod as it would be with a branch. Pure. */

/** Whether a path that has been judged would be open then, whatever its datapath is. */
export function wouldReach(
  filters: Filters,
  { wanted, path: { from }, to }: Judged,
  situation: Situation,
  { groups, labels }: { readonly groups: readonly string[]; readonly labels: Labels },
): boolean {
  if (from.kind !== "pod") return false;
  const places = withBranch(from, situation, { groups, labels });
  if (places.length === 0) return false;
  return judgeAll(filters, wanted, { places, doubt: "" }, to).verdict.answer === "reaches";
}

/** One for each datapath that it may have; none where nobody knows the subnet of the branch. */
function withBranch(
  place: PodPlace,
  { facts, ec2 }: Situation,
  { groups, labels }: { readonly groups: readonly string[]; readonly labels: Labels },
): readonly PodPlace[] {
  const instance = valueOr(ec2.instance, undefined);
  const subnet =
    valueOr(facts.cniNode, undefined)?.trunk?.subnet ?? (instance && primaryOf(instance)?.subnet);
  if (instance === undefined || subnet === undefined) return [];
  const branch = { id: "its branch", groups, subnet, vpc: instance.vpc, hasPublicAddress: false };
  const { attachments } = connectionIn({ ...facts.pod, labels, branch }, { facts });
  return attachments.map((attachment) => ({
    ...place,
    attachment,
    labels,
    // Which address it would get nobody knows; one of the same subnets it would be.
    end: { address: place.end.address, interface: { known: true, value: branch } },
    // It keeps the primary plugin's address, as the one that it has now.
    host0: attachment === "direct" ? place.end : undefined,
  }));
}
