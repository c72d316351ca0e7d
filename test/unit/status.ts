import type { CniNodeFact } from "../../src/facts/cni-nodes.ts";
import type { EventFact } from "../../src/facts/events.ts";
import { type Fact, known, unknown } from "../../src/facts/fact.ts";
import type { NodeFact } from "../../src/facts/nodes.ts";
import type { PodOverview } from "../../src/facts/pod-overviews.ts";
import type { PolicyFact } from "../../src/facts/policies.ts";
import type { SecurityGroupPolicy } from "../../src/policy/security-group-policy.ts";
import type { ClusterFacts } from "../../src/status/facts.ts";

/** A cluster of facts for status: without anything said it has no objects, all of which could be read. */

export const NOW = Date.parse("2026-11-28T12:00:00Z");
const MINUTE = 60_000;

export const DENIED = unknown({
  what: "pods",
  reason: "denied",
  message: "forbidden",
  permission: "list pods",
});

type Given = {
  readonly [K in keyof ClusterFacts]?: ClusterFacts[K] extends Fact<infer T>
    ? T | ReturnType<typeof unknown>
    : ClusterFacts[K];
};

export function clusterOf(given: Given = {}): ClusterFacts {
  const { scope = { namespace: undefined, node: undefined }, now = NOW, ...facts } = given;
  const defaults = {
    nodes: [],
    cniNodes: [],
    pods: [],
    agents: [],
    policies: [],
    accounts: new Map(),
    settings: undefined,
    enforcement: undefined,
    networkPolicies: [],
    typeOverrides: {},
    events: new Map(),
    interfaces: new Map(),
    groupNames: new Map(),
  };
  const all = Object.entries({ ...defaults, ...facts }).map(([key, value]) => [key, asFact(value)]);
  return { ...Object.fromEntries(all), scope, now } as ClusterFacts;
}

function asFact(value: unknown): Fact<unknown> {
  const isGap = typeof value === "object" && value !== null && "known" in value;
  return isGap ? (value as Fact<unknown>) : known(value);
}

/** It asks for a branch, has it, and runs on n1 since five minutes; its network took three seconds. */
export function aPod(name: string, more: Partial<PodOverview> = {}): PodOverview {
  return {
    namespace: "shop",
    name,
    uid: `uid-${name}`,
    labels: { app: "web" },
    node: "n1",
    serviceAccount: "default",
    usesHostNetwork: false,
    asksForBranch: true,
    phase: "Running",
    isReady: true,
    isBeingDeleted: false,
    createdAt: NOW - 5 * MINUTE,
    networkAt: NOW - 5 * MINUTE + 3_000,
    addresses: ["10.0.0.20"],
    unschedulable: undefined,
    datapath: undefined,
    branch: aBranch(name),
    ...more,
  };
}

export function aBranch(name: string, vlanId = 1): NonNullable<PodOverview["branch"]> {
  const address = {
    family: 4,
    address: "10.0.0.20",
    prefixLength: 24,
    subnet: "10.0.0.0/24",
    gateway: "",
  } as const;
  return { readable: true, eniId: `eni-${name}`, mac: "02:00:00:00:00:01", vlanId, addresses: [address] };
}

/** Asked for, and not there yet. */
export const WAITING = {
  phase: "Pending",
  isReady: false,
  networkAt: undefined,
  addresses: [],
  branch: undefined,
} as const;

export function anAgent(node: string, more: Partial<PodOverview> = {}): PodOverview {
  return aPod(`agent-${node}`, {
    namespace: "kube-system",
    node,
    usesHostNetwork: true,
    asksForBranch: false,
    branch: undefined,
    ...more,
  });
}

export function aNode(name: string, more: Partial<NodeFact> = {}): NodeFact {
  return {
    name,
    uid: `uid-${name}`,
    labels: {},
    instance: "i-0123456789abcdef0",
    instanceType: "m5.large",
    zone: undefined,
    region: undefined,
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

/** With a trunk that carries these ENIs. */
export function aCniNode(
  name: string,
  branches: readonly string[] = [],
  more: Partial<CniNodeFact> = {},
): CniNodeFact {
  return {
    name,
    features: [{ name: "SecurityGroupsForPods", value: "" }],
    managedBy: "branchline",
    instance: undefined,
    trunk: {
      id: `eni-trunk-${name}`,
      mac: undefined,
      deviceIndex: 2,
      subnet: undefined,
      branches: branches.map((id, i) => ({
        id,
        vlan: i + 1,
        association: undefined,
        warmFor: id.startsWith("eni-warm") ? "shop" : undefined,
        mac: undefined,
        groups: ["sg-web"],
        addresses: [],
      })),
    },
    conditions: [],
    ...more,
  };
}

export function aPolicy(
  name: string,
  more: Partial<SecurityGroupPolicy> = {},
  conditions: PolicyFact["conditions"] = [],
): PolicyFact {
  return {
    policy: {
      namespace: "shop",
      name,
      podSelector: { matchLabels: { app: "web" } },
      groups: ["sg-web"],
      ...more,
    },
    createdAt: "2026-11-01T00:00:00Z",
    conditions,
  };
}

/** Of a policy's status. */
export function aCondition(
  status: string,
  reason: string,
  message: string,
): PolicyFact["conditions"][number] {
  return { type: "GroupsFound", status, reason, message, since: "" };
}

export function interfaces(groups: Readonly<Record<string, readonly string[]>>) {
  return new Map(
    Object.entries(groups).map(([id, its]) => [id, { id, groups: its, trunk: "eni-trunk-by-tag" }]),
  );
}

export function eventsOf(...events: readonly (readonly [pod: string, message: string])[]) {
  return new Map(
    events.map(([pod, message]): [string, EventFact] => [
      `shop/${pod}`,
      {
        about: { kind: "Pod", namespace: "shop", name: pod, uid: `uid-${pod}` },
        type: "Warning",
        reason: "BranchWaiting",
        message,
        component: "branchline-controller",
        at: "2026-11-28T11:59:00Z",
      },
    ]),
  );
}
