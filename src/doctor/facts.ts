import type { LabelSelector, Labels } from "../policy/label-selector.ts";
import type { SecurityGroupPolicy } from "../policy/security-group-policy.ts";
import type { JsonObject } from "../text/json.ts";
import type { GroupRule } from "../verdict/facts.ts";

/** What the checks look at: plain data, each kind of it read once, or not read, with the reason. */

/** `missing`: why it could not be read, with the permission that is missing, in one line. */
export type Source<T> = { readonly value: T } | { readonly missing: string };

/** Of a cluster. Of the API server's objects, unless said otherwise. */
export interface ClusterFacts {
  /** Milliseconds since 1970, when the facts were read. */
  readonly now: Source<number>;
  readonly nodes: Source<readonly NodeFact[]>;
  readonly cniNodes: Source<readonly CniNodeFact[]>;
  readonly pods: Source<readonly PodFact[]>;
  readonly policies: Source<readonly PolicyFact[]>;
  /** Labels of ServiceAccounts by NAMESPACE/NAME. */
  readonly accounts: Source<ReadonlyMap<string, Labels>>;
  readonly daemonSets: Source<readonly WorkloadFact[]>;
  /** The agent's entry in the list, as its ConfigMap has it; undefined without one. */
  readonly entry: Source<EntryFact | undefined>;
  /** ConfigMap branchline-instance-types: `INTERFACES BRANCHES` by type. */
  readonly typeOverrides: Source<Readonly<Record<string, string>>>;
  /** kube-proxy's mode, "" for its default; undefined without its ConfigMap. */
  readonly proxyMode: Source<string | undefined>;
  readonly webhooks: Source<readonly WebhookFact[]>;
  /** ValidatingAdmissionPolicies by name, with the actions of their bindings. */
  readonly guards: Source<ReadonlyMap<string, readonly string[]>>;
  /** MutatingAdmissionPolicies that are bound: in the API server itself, from Kubernetes 1.36. */
  readonly mutators: Source<readonly string[]>;
  /** Ready endpoints by NAMESPACE/SERVICE, of Services that webhooks name. */
  readonly endpoints: Source<ReadonlyMap<string, number>>;
  readonly leases: Source<readonly LeaseFact[]>;
  readonly networkPolicies: Source<readonly NetworkPolicyFact[]>;
  /** Warnings of our parts, the newest of each object and reason. */
  readonly events: Source<readonly EventFact[]>;
  /** EC2: interfaces of the cluster, and those of its instances. */
  readonly interfaces: Source<readonly InterfaceFact[]>;
  /** EC2: subnets in which the cluster has trunks or branches. */
  readonly subnets: Source<readonly SubnetFact[]>;
  /** EC2: groups that policies or branches name, as far as EC2 has them. */
  readonly groups: Source<readonly GroupFact[]>;
  /** EC2: rules of the groups that branches have, and of those of the nodes. */
  readonly rules: Source<readonly RuleFact[]>;
  /** EC2: which way branches of a subnet leave the VPC. */
  readonly routes: Source<readonly RouteFact[]>;
}

/** Of the node on which doctor runs. */
export interface LocalFacts {
  /** Files of the runtime's directory of lists. */
  readonly lists: Source<ListsFact>;
  readonly plugin: Source<PluginFact>;
  /** What is wrong with /run/branchline; undefined for nothing. */
  readonly stateProblem: Source<string | undefined>;
  /** Why the agent's socket does not answer; undefined when it does. */
  readonly socketProblem: Source<string | undefined>;
  readonly trunk: Source<TrunkFact>;
  /** What the plugin's STATUS said: undefined when it succeeded. */
  readonly status: Source<string | undefined>;
  /** By path below /proc/sys; undefined for those that the kernel lacks. */
  readonly sysctls: Source<Readonly<Record<string, string | undefined>>>;
  readonly attachments: Source<readonly AttachmentFact[]>;
  /** Environment of aws-node's ipamd; undefined when it does not run here. Only what doctor knows. */
  readonly awsNode: Source<Readonly<Record<string, string>> | undefined>;
  /** Families whose rule for table local is missing. */
  readonly localRulesMissing: Source<readonly (4 | 6)[]>;
  /** systemd-networkd's settings; undefined when it does not run here. */
  readonly networkd: Source<Readonly<Record<string, string>> | undefined>;
}

export interface Facts extends ClusterFacts, LocalFacts {}

export interface NodeFact {
  readonly name: string;
  readonly os: string;
  readonly architecture: string;
  /** `containerd://2.1.4`. */
  readonly runtime: string;
  /** The first InternalIP; undefined without one. */
  readonly address: string | undefined;
  /** `m5.large`; "" without the label. */
  readonly instanceType: string;
  /** EC2's id; undefined for a node that is no instance. */
  readonly instance: string | undefined;
  /** Of EC2, by its label; undefined without it. */
  readonly region: string | undefined;
  readonly isReady: boolean;
  /** Of pod-eni; undefined without it. */
  readonly allocatable: number | undefined;
}

export interface CniNodeFact {
  readonly name: string;
  readonly features: readonly string[];
  readonly managedBy: string;
  readonly trunk: string | undefined;
  readonly branches: readonly { readonly eni: string; readonly vlan: number }[];
  /** Of the condition TrunkReady, while it is not true: reason and message. */
  readonly trunkProblem: { readonly reason: string; readonly message: string } | undefined;
}

export interface PodFact {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** "" until it is scheduled. */
  readonly node: string;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly usesHostNetwork: boolean;
  readonly asksForBranch: boolean;
  readonly phase: string;
  readonly isReady: boolean;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Of its annotation; undefined without one, "unreadable" for one with a defect. */
  readonly branch: BranchFact | "unreadable" | undefined;
  /** Its own choice (branchline.dev/datapath). */
  readonly datapath: string | undefined;
  /** status.podIPs. */
  readonly addresses: readonly string[];
  /** Ports of its probes by TCP, HTTP or gRPC. */
  readonly probePorts: readonly number[];
  /** Its own containers'. */
  readonly images: readonly string[];
  /** Whether it enforces NetworkPolicies on the veths of its node. */
  readonly enforces: boolean;
}

export interface BranchFact {
  readonly eni: string;
  readonly vlan: number;
  readonly addresses: readonly string[];
}

export interface PolicyFact extends SecurityGroupPolicy {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** A DaemonSet of the cluster's system. */
export interface WorkloadFact {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly desired: number;
  readonly ready: number;
  /** Only what doctor knows, of all containers. */
  readonly env: Readonly<Record<string, string>>;
}

export interface EntryFact {
  /** NAMESPACE/NAME of the ConfigMap. */
  readonly from: string;
  readonly entry: JsonObject;
}

export interface WebhookFact {
  /** Of the configuration. */
  readonly configuration: string;
  readonly name: string;
  /** NAMESPACE/NAME; undefined when it has a URL. */
  readonly service: string | undefined;
  readonly url: string | undefined;
  /** When the last certificate of its caBundle ends, in milliseconds since 1970; undefined without one. */
  readonly trustEnds: number | undefined;
}

export interface LeaseFact {
  readonly namespace: string;
  readonly name: string;
  readonly holder: string;
  /** Milliseconds since 1970. */
  readonly renewedAt: number;
  readonly seconds: number;
}

export interface NetworkPolicyFact {
  readonly namespace: string;
  readonly name: string;
  readonly podSelector: LabelSelector;
}

export interface EventFact {
  /** `Pod shop/web-0`, `Node n1`. */
  readonly on: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly lastAt: number;
}

export interface InterfaceFact {
  readonly id: string;
  /** "interface", "trunk", "branch". */
  readonly type: string;
  readonly status: string;
  readonly subnet: string;
  readonly groups: readonly string[];
  /** To which it is attached; undefined for a branch. */
  readonly instance: string | undefined;
  readonly deviceIndex: number | undefined;
  /** Of a branch, by association or tags. */
  readonly trunk: string | undefined;
  readonly vlan: number | undefined;
  /** By its tags: it was made for this cluster's pods. */
  readonly isOfController: boolean;
  /** Milliseconds since 1970, by a tag; undefined when nobody says. */
  readonly createdAt: number | undefined;
}

export interface SubnetFact {
  readonly id: string;
  readonly cidr: string;
  readonly freeAddresses: number;
}

export interface GroupFact {
  readonly id: string;
  readonly name: string;
  readonly vpc: string;
}

export type RuleFact = GroupRule;

export interface RouteFact {
  readonly subnet: string;
  readonly routeTable: string;
  /** `nat-…`, `igw-…`, `tgw-…` of 0.0.0.0/0; undefined without such a route. */
  readonly target: string | undefined;
}

export interface ListsFact {
  readonly directory: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

export interface PluginFact {
  readonly path: string;
  readonly isExecutable: boolean;
  /** What it says of itself; undefined when it says nothing. */
  readonly version: string | undefined;
  /** Of the executable that looks. */
  readonly ours: string;
}

export interface TrunkFact {
  /** Of /run/branchline/trunk.json; undefined when it is not there. */
  readonly mac: string | undefined;
  /** The node's devices that are no VLAN devices. */
  readonly devices: readonly { readonly name: string; readonly mac: string; readonly isUp: boolean }[];
}

export interface AttachmentFact {
  readonly file: string;
  readonly vlan: number;
  /** `shop/web-0`; undefined for a record that cannot be read. */
  readonly pod: string | undefined;
  readonly eni: string | undefined;
  readonly mode: string | undefined;
}
