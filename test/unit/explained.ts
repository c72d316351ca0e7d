import type { Instance, InstanceInterface, NetworkInterface } from "../../src/ec2/types.ts";
import type { PodFacts } from "../../src/explain/facts.ts";
import type { Wanted } from "../../src/explain/party.ts";
import type { ExplainedPod } from "../../src/explain/pod.ts";
import { selectedBy } from "../../src/explain/policies.ts";
import type { ExplainedPolicy } from "../../src/explain/policy.ts";
import type { Ec2Facts, Situation } from "../../src/explain/situation.ts";
import type { CniNodeFact } from "../../src/facts/cni-nodes.ts";
import type { EventFact } from "../../src/facts/events.ts";
import { known, skipped } from "../../src/facts/fact.ts";
import type { NodeFact } from "../../src/facts/nodes.ts";
import type { PluginSettings } from "../../src/facts/plugin-settings.ts";
import type { PodBranch } from "../../src/facts/pods.ts";
import type { SecurityGroupPolicy } from "../../src/policy/security-group-policy.ts";

/** Facts about the pod shop/web-0 of node n1, for tables: it waits for nothing, and nothing is wrong with it. */

export const NOW = Date.parse("2026-11-29T10:10:00Z");
export const MADE = "2026-11-29T10:00:00Z";
export const ANNOTATED = "2026-11-29T10:00:02Z";
export const LATER = "2026-11-29T10:05:00Z";

export function aBranch(eniId = "eni-web", vlanId = 1, ...addresses: readonly string[]): PodBranch {
  return {
    readable: true,
    eniId,
    mac: "02:00:00:00:00:01",
    vlanId,
    addresses: (addresses.length === 0 ? ["10.0.1.20"] : addresses).map((address) => ({
      family: address.includes(":") ? 6 : 4,
      address,
      prefixLength: 24,
      subnet: "10.0.1.0/24",
      gateway: "10.0.1.1",
    })),
  };
}

export function aPod(more: Partial<ExplainedPod> = {}): ExplainedPod {
  return {
    namespace: "shop",
    name: "web-0",
    uid: "uid-web-0",
    labels: { app: "web" },
    node: "n1",
    serviceAccount: "default",
    usesHostNetwork: false,
    asksForBranch: true,
    phase: "Running",
    isReady: true,
    isBeingDeleted: false,
    createdAt: MADE,
    scheduledAt: MADE,
    networkAt: ANNOTATED,
    addresses: ["10.0.1.20"],
    branch: aBranch(),
    probes: [],
    ports: [],
    owner: "StatefulSet/web",
    enforces: undefined,
    annotatedAt: ANNOTATED,
    wantedDatapath: undefined,
    dnsPolicy: "ClusterFirst",
    nameservers: [],
    notScheduled: undefined,
    fargate: undefined,
    isInAmbientMesh: false,
    allPorts: [],
    allProbes: [],
    ...more,
  };
}

/** Without a branch: `asksForBranch` says whether it waits for one. */
export function aPodWithout(more: Partial<ExplainedPod> = {}): ExplainedPod {
  return aPod({
    branch: undefined,
    annotatedAt: undefined,
    networkAt: undefined,
    phase: "Pending",
    isReady: false,
    addresses: [],
    ...more,
  });
}

export function aPolicy(
  name: string,
  groups: readonly string[] = ["sg-web"],
  more: Partial<SecurityGroupPolicy> & Partial<Pick<ExplainedPolicy, "createdAt" | "changedAt">> = {},
): ExplainedPolicy {
  const { createdAt = "2026-11-29T09:00:00Z", changedAt = createdAt, ...policy } = more;
  return {
    policy: { namespace: "shop", name, podSelector: { matchLabels: { app: "web" } }, groups, ...policy },
    createdAt,
    changedAt,
    conditions: [],
  };
}

export function aNode(more: Partial<NodeFact> = {}): NodeFact {
  return {
    name: "n1",
    uid: "uid-n1",
    labels: {},
    instance: "i-1",
    instanceType: "m5.large",
    zone: "us-east-1a",
    region: "us-east-1",
    isReady: true,
    isLinux: true,
    addresses: ["10.0.0.4"],
    capacity: 9,
    allocatable: 9,
    taints: [],
    trunkAnnotation: undefined,
    kernel: "",
    kubelet: "",
    runtime: "",
    ...more,
  };
}

export function aCniNode(more: Partial<CniNodeFact> = {}): CniNodeFact {
  return {
    name: "n1",
    features: [{ name: "SecurityGroupsForPods", value: "" }],
    managedBy: "branchline",
    instance: "i-1",
    trunk: { id: "eni-trunk", mac: undefined, deviceIndex: 1, subnet: "subnet-b", branches: [] },
    conditions: [{ type: "TrunkReady", status: "True", reason: "TrunkAttached", message: "", since: MADE }],
    ...more,
  };
}

export function anEvent(
  component: string,
  reason: string,
  message: string,
  at = "2026-11-29T10:01:00Z",
): EventFact {
  return {
    about: { kind: "Pod", namespace: "shop", name: "web-0", uid: "uid-web-0" },
    type: "Warning",
    reason,
    message,
    component,
    at,
  };
}

export function settings(more: Partial<PluginSettings> = {}): PluginSettings {
  return {
    from: "ConfigMap kube-system/branchline-agent",
    datapath: "direct",
    mode: "strict",
    mayOverride: false,
    managesEarlyDemux: false,
    serviceCidrs: ["172.20.0.0/16"],
    hostRoutes: undefined,
    networkPolicies: "auto",
    ...more,
  };
}

export function podFacts(more: Partial<PodFacts> = {}): PodFacts {
  return {
    now: NOW,
    pod: aPod(),
    policies: known([aPolicy("web")]),
    accountLabels: known(undefined),
    events: known([]),
    node: known(aNode()),
    nodeEvents: skipped("events", "the pod does not wait"),
    cniNode: known(aCniNode()),
    neighbours: known([]),
    daemonSets: known([]),
    settings: known(settings()),
    networkPolicies: skipped("NetworkPolicies", "nothing is known to enforce them"),
    proxyMode: known(""),
    leases: skipped("leases", "the pod does not wait"),
    ...more,
  };
}

export function anInterface(
  id: string,
  groups: readonly string[],
  more: Partial<NetworkInterface> = {},
): NetworkInterface {
  return {
    id,
    type: "branch",
    status: "in-use",
    mac: "02:00:00:00:00:01",
    ipv4: ["10.0.1.20"],
    ipv6: [],
    groups,
    subnet: "subnet-b",
    vpc: "vpc-1",
    zone: "us-east-1a",
    tags: {},
    ...more,
  };
}

export function anInstance(...interfaces: readonly InstanceInterface[]): Instance {
  return {
    id: "i-1",
    type: "m5.large",
    state: "running",
    subnet: "subnet-a",
    vpc: "vpc-1",
    zone: "us-east-1a",
    interfaces: interfaces.length === 0 ? [onInstance("eni-node", 0, "10.0.0.4")] : interfaces,
  };
}

export function onInstance(
  id: string,
  deviceIndex: number,
  addresses: string,
  more: Partial<InstanceInterface> = {},
): InstanceInterface {
  const all = addresses.split(" ").filter((one) => one !== "");
  return {
    id,
    type: "interface",
    mac: "02:00:00:00:00:02",
    ipv4: all.filter((one) => !one.includes(":")),
    ipv6: all.filter((one) => one.includes(":")),
    groups: ["sg-node"],
    subnet: "subnet-a",
    deviceIndex,
    ...more,
  };
}

/** With the groups that the policies say, all of which exist. */
export function situation(facts: PodFacts, more: Partial<Ec2Facts> = {}): Situation {
  const { pod, policies, accountLabels } = facts;
  const labels = accountLabels.known ? accountLabels.value : undefined;
  const selected = policies.known ? known(selectedBy(pod, policies.value, labels)) : policies;
  const groups = selected.known ? selected.value.groups : [];
  return {
    facts,
    selected,
    ec2: {
      branch: pod.branch === undefined ? skipped("", "") : known(anInterface("eni-web", groups)),
      instance: known(anInstance()),
      groups: known(groups.map((id) => ({ id, name: id.slice(3), vpc: "vpc-1", tags: {} }))),
      subnet: known(undefined),
      ...more,
    },
  };
}

/** A path from and to the node n1, where nothing else is said. */
export function aWanted(more: Partial<Wanted> = {}): Wanted {
  return {
    kind: "wanted",
    asked: "to",
    title: "",
    protocol: "tcp",
    port: 5432,
    from: { kind: "node", name: "n1" },
    to: { kind: "node", name: "n1" },
    service: undefined,
    family: 4,
    notes: [],
    ...more,
  };
}
