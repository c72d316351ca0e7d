import type { CniNodeFact } from "../facts/cni-nodes.ts";
import type { EventFact } from "../facts/events.ts";
import type { Fact } from "../facts/fact.ts";
import type { NetworkPolicyFact } from "../facts/network-policies.ts";
import type { NodeFact } from "../facts/nodes.ts";
import type { PluginSettings } from "../facts/plugin-settings.ts";
import type { PodFact } from "../facts/pods.ts";
import type { WorkloadFact } from "../facts/workloads.ts";
import type { LeaseObject } from "../kubernetes/lease-record.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { ExplainedPod } from "./pod.ts";
import type { ExplainedPolicy } from "./policy.ts";

/** What the API server says about one pod, each kind of it once. What nobody needs is skipped. */
export interface PodFacts {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly pod: ExplainedPod;
  /** Of all namespaces, or only of the pod's own where that is all that may be read. */
  readonly policies: Fact<readonly ExplainedPolicy[]>;
  /** Of its ServiceAccount, if a policy asks for them; undefined: there is no such account. */
  readonly accountLabels: Fact<Labels | undefined>;
  /** About this pod, not about one of the same name before it; the newest last. */
  readonly events: Fact<readonly EventFact[]>;
  /** Of a pod that is scheduled. */
  readonly node: Fact<NodeFact | undefined>;
  readonly nodeEvents: Fact<readonly EventFact[]>;
  readonly cniNode: Fact<CniNodeFact | undefined>;
  /** All pods of its node, itself too. */
  readonly neighbours: Fact<readonly PodFact[]>;
  readonly daemonSets: Fact<readonly WorkloadFact[]>;
  /** How its node attaches branches; undefined: nothing says. */
  readonly settings: Fact<PluginSettings | undefined>;
  /** Of its namespace, where something enforces them. */
  readonly networkPolicies: Fact<readonly NetworkPolicyFact[]>;
  /** kube-proxy's; undefined: no ConfigMap says. */
  readonly proxyMode: Fact<string | undefined>;
  /** Of our controller, for a pod that waits. */
  readonly leases: Fact<readonly LeaseObject[]>;
}
