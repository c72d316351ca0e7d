import type { CniNodeFact } from "../facts/cni-nodes.ts";
import type { BranchInterface } from "../facts/ec2.ts";
import type { Enforcement } from "../facts/enforcement.ts";
import type { EventFact } from "../facts/events.ts";
import type { Fact } from "../facts/fact.ts";
import type { NetworkPolicyFact } from "../facts/network-policies.ts";
import type { NodeFact } from "../facts/nodes.ts";
import type { PluginSettings } from "../facts/plugin-settings.ts";
import type { PolicyFact } from "../facts/policies.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { PodOverview } from "../facts/pod-overviews.ts";

/** What status is made of, each kind read once, or not read, with the reason. */

/** Which pods and policies were asked for. */
export interface Scope {
  /** Undefined: of all. */
  readonly namespace: string | undefined;
  /** Only this node, and the pods on it. */
  readonly node: string | undefined;
}

export interface ClusterFacts {
  readonly scope: Scope;
  /** By the API server's clock: milliseconds since 1970, to the second. */
  readonly now: number;
  /** Of the cluster, or the one of the scope. */
  readonly nodes: Fact<readonly NodeFact[]>;
  readonly cniNodes: Fact<readonly CniNodeFact[]>;
  /** Of the scope's namespace, or of all; with a node all that are on it, of whatever namespace. */
  readonly pods: Fact<readonly PodOverview[]>;
  /** The agents' of the cluster, or of the node. */
  readonly agents: Fact<readonly PodOverview[]>;
  /** Of the scope's namespace, or of all. */
  readonly policies: Fact<readonly PolicyFact[]>;
  /** Labels of ServiceAccounts by NAMESPACE/NAME; empty when no policy asks for them. */
  readonly accounts: Fact<ReadonlyMap<string, Labels>>;
  /** Undefined: nobody says. */
  readonly settings: Fact<PluginSettings | undefined>;
  /** Undefined: nothing enforces NetworkPolicies on nodes. */
  readonly enforcement: Fact<Enforcement | undefined>;
  /** Of the scope's pods; empty where they do not decide the datapath. */
  readonly networkPolicies: Fact<readonly NetworkPolicyFact[]>;
  /** ConfigMap kube-system/branchline-instance-types; empty without it. */
  readonly typeOverrides: Fact<Readonly<Record<string, string>>>;
  /** What was said last of a pod, by NAMESPACE/NAME; empty when no pod waits. */
  readonly events: Fact<ReadonlyMap<string, EventFact>>;
  /** Of EC2: branches that pods of the scope name, by id. */
  readonly interfaces: Fact<ReadonlyMap<string, BranchInterface>>;
  /** Of EC2: names of groups that policies or branches have, by id; one that is not there does not exist. */
  readonly groupNames: Fact<ReadonlyMap<string, string>>;
}
