import type { PluginSettings } from "./plugin-settings.ts";
import type { WorkloadFact } from "./workloads.ts";

/** What enforces NetworkPolicies on the veths of nodes, by the DaemonSets of a cluster. Pure. */

export interface Enforcement {
  /** Such as `calico-node`. */
  readonly by: string;
  /** It has policies of its own kinds too, which nobody reads here. */
  readonly hasOwnKinds: boolean;
}

/** By the label k8s-app of their pods, which their DaemonSets have as well. */
const ENFORCERS: Readonly<Record<string, boolean>> = {
  "calico-node": true,
  cilium: true,
  "kube-router": false,
};
const AWS_FLAG = "--enable-network-policy=true";

/** Undefined: nothing enforces them. */
export function enforcementIn(
  daemonSets: readonly WorkloadFact[],
  settings: Pick<PluginSettings, "networkPolicies"> | undefined,
): Enforcement | undefined {
  if (settings?.networkPolicies === "ignore") return undefined;
  for (const { name, labels, containers } of daemonSets) {
    const app = labels["k8s-app"] ?? name;
    const hasOwnKinds = Object.hasOwn(ENFORCERS, app) ? ENFORCERS[app] : undefined;
    if (hasOwnKinds !== undefined) return { by: app, hasOwnKinds };
    // Its agent is always there, and enforces only with this.
    if (app === "aws-node" && containers.some(({ args }) => args.includes(AWS_FLAG)))
      return { by: "aws-node's network policy agent", hasOwnKinds: true };
  }
  return settings?.networkPolicies === "enforced"
    ? { by: "what --network-policies=enforced of the agent stands for", hasOwnKinds: false }
    : undefined;
}
