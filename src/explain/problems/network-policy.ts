import { newestOf, oneLine } from "../events.ts";
import { connectionOf, selectingPolicies } from "../../facts/connection.ts";
import { enforcementIn } from "../../facts/enforcement.ts";
import { mapFact } from "../../facts/fact.ts";
import type { Finder } from "../situation.ts";
import { restart } from "./words.ts";

/** A NetworkPolicy that is not enforced on the pod, which is connected by the datapath direct. */
export const networkPolicy: Finder = ({ facts }) => {
  const { pod, settings, daemonSets, networkPolicies } = facts;
  if (pod.branch?.readable !== true || !networkPolicies.known) return [];
  const enforcement = mapFact(daemonSets, (all) =>
    enforcementIn(all, settings.known ? settings.value : undefined),
  );
  const {
    attachments: [attachment, ...more],
  } = connectionOf(pod, settings, enforcement, networkPolicies);
  const [policy] = selectingPolicies(pod, networkPolicies.value);
  if (policy === undefined || attachment !== "direct" || more.length > 0) return [];
  const refused = newestOf(facts.events, ["branchline-agent"], ["BranchRefused"]);
  const by = enforcement.known ? (enforcement.value?.by ?? "") : "";
  if (pod.networkAt === undefined && refused !== undefined)
    return [
      {
        code: "refused",
        line: `its node's agent refuses it: ${oneLine(refused.message)}`,
        todo: 'set the datapath of the plugin\'s entry to "auto" or "routed" (docs/datapaths.md)',
      },
    ];
  return [
    {
      code: "network-policy-not-enforced",
      line: `NetworkPolicy ${policy.namespace}/${policy.name} selects it and is not enforced: it is connected by the datapath direct, and ${by} does not see what it sends and gets by its branch`,
      todo: `set the datapath of the plugin's entry to "auto" or "routed" (docs/datapaths.md); then ${restart(pod, "is routed")}`,
    },
  ];
};
