import { type Fact, gapLine } from "./fact.ts";
import type { NetworkPolicyFact } from "./network-policies.ts";
import type { PluginSettings } from "./plugin-settings.ts";
import { type Labels, matchLabels } from "../policy/label-selector.ts";
import type { Enforcement } from "./enforcement.ts";

/** By which datapath a pod is connected. No object of the API server has it: it follows from what is configured. Pure. */

/** How a pod is connected: `none` has an address of its node's interfaces, the others have a branch. */
export type Attachment = "none" | "direct" | "routed standard" | "routed strict";

/** What of a pod it follows from. */
export interface ConnectedPod {
  readonly namespace: string;
  readonly labels: Labels;
  /** Undefined: it has none. */
  readonly branch: unknown;
  /** The annotation branchline.dev/datapath. */
  readonly wantedDatapath: string | undefined;
}

export interface Connection {
  /** One, or all that it may be, the likeliest first. */
  readonly attachments: readonly [Attachment, ...Attachment[]];
  /** What says so, such as `ConfigMap kube-system/branchline-agent`. */
  readonly because: string;
}

const ALL = ["direct", "routed strict", "routed standard"] as const;

export function connectionOf(
  pod: ConnectedPod,
  settings: Fact<PluginSettings | undefined>,
  enforcement: Fact<Enforcement | undefined>,
  policies: Fact<readonly NetworkPolicyFact[]>,
): Connection {
  if (pod.branch === undefined) return { attachments: ["none"], because: "it has no branch" };
  if (!settings.known) return { attachments: ALL, because: gapLine(settings.gap) };
  const said = settings.value;
  if (said === undefined)
    return {
      attachments: ALL,
      because: "no DaemonSet says how: there is no agent of ours, and no aws-node with ENABLE_POD_ENI",
    };
  const routed = `routed ${said.mode}` as const;
  const own = said.mayOverride ? pod.wantedDatapath : undefined;
  if (own === "direct" || own === "routed")
    return {
      attachments: [own === "direct" ? "direct" : routed],
      because: `its annotation branchline.dev/datapath, which ${said.from} allows`,
    };
  switch (said.datapath) {
    case "direct":
      return { attachments: ["direct"], because: said.from };
    case "routed":
      return { attachments: [routed], because: said.from };
    case "auto":
      return automatic(pod, { enforcement, policies, routed, from: said.from });
  }
}

/** As the agent chooses. */
function automatic(
  pod: Pick<ConnectedPod, "namespace" | "labels">,
  {
    enforcement,
    policies,
    routed,
    from,
  }: {
    readonly enforcement: Fact<Enforcement | undefined>;
    readonly policies: Fact<readonly NetworkPolicyFact[]>;
    readonly routed: Attachment;
    readonly from: string;
  },
): Connection {
  if (!enforcement.known)
    return { attachments: ["direct", routed], because: `auto in ${from}; ${gapLine(enforcement.gap)}` };
  if (enforcement.value === undefined)
    return { attachments: ["direct"], because: `auto in ${from}, and nothing enforces NetworkPolicies` };
  const { by, hasOwnKinds } = enforcement.value;
  if (hasOwnKinds)
    return { attachments: [routed], because: `auto in ${from}, as ${by} enforces NetworkPolicies` };
  if (!policies.known)
    return { attachments: ["direct", routed], because: `auto in ${from}; ${gapLine(policies.gap)}` };
  const its = selectingPolicies(pod, policies.value)[0];
  if (its === undefined)
    return { attachments: ["direct"], because: `auto in ${from}, and no NetworkPolicy selects it` };
  return { attachments: [routed], because: `auto in ${from}, as NetworkPolicy ${its.name} selects it` };
}

/** NetworkPolicies that select a pod, or may: a selector that cannot be evaluated counts. */
export function selectingPolicies(
  { namespace, labels }: Pick<ConnectedPod, "namespace" | "labels">,
  policies: readonly NetworkPolicyFact[],
): readonly NetworkPolicyFact[] {
  return policies.filter(
    (policy) =>
      policy.namespace === namespace &&
      matchLabels(policy.podSelector, labels, "spec.podSelector").matches !== false,
  );
}
