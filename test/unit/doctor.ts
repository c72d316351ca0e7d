import { readRule } from "../../src/ec2/decode-rules.ts";
import { expect, it } from "vitest";
import type { Check, Finding } from "../../src/doctor/check.ts";
import type {
  CniNodeFact,
  Facts,
  InterfaceFact,
  NodeFact,
  PodFact,
  PolicyFact,
  RuleFact,
  Source,
  WorkloadFact,
} from "../../src/doctor/facts.ts";

/** A cluster of facts for tables of checks: what a case does not give has not been read. */

type Given = { readonly [K in keyof Facts]?: Facts[K] extends Source<infer T> ? T : never };

const NOT_READ: Source<never> = { missing: "not read" };

export function factsOf(given: Given): Facts {
  const values = given as Readonly<Record<string, unknown>>;
  return new Proxy({} as Facts, {
    get: (_, key) => (typeof key === "string" && key in values ? { value: values[key] } : NOT_READ),
  });
}

export interface Case {
  readonly given: Given;
  readonly result: Finding["result"];
  readonly found: string;
  readonly items?: readonly string[];
}

/** A test for each case, and one without any facts. */
export function table(check: Check, cases: Readonly<Record<string, Case>>): void {
  for (const [name, { given, result, found, items = [] }] of Object.entries(cases)) {
    it(`${check.code}: ${name}`, () => {
      const finding = check.judge(factsOf(given));
      expect({ result: finding.result, found: finding.found, items: finding.items }).toEqual({
        result,
        found,
        items,
      });
    });
  }
  it(`${check.code}: nothing could be read`, () => {
    expect(check.judge(factsOf({}))).toEqual({ result: "unknown", found: "not read", items: [] });
  });
}

export const NOW = Date.parse("2026-11-28T12:00:00Z");
export const AGENT = { "app.kubernetes.io/name": "branchline", "app.kubernetes.io/component": "agent" };
export const CONTROLLER = { ...AGENT, "app.kubernetes.io/component": "controller" };

export function aNode(name: string, more: Partial<NodeFact> = {}): NodeFact {
  return {
    name,
    os: "linux",
    architecture: "amd64",
    runtime: "containerd://2.1.4",
    address: "10.0.0.4",
    instanceType: "m5.large",
    instance: `i-${name}`,
    region: "us-east-1",
    isReady: true,
    allocatable: 9,
    ...more,
  };
}

export function aCniNode(name: string, more: Partial<CniNodeFact> = {}): CniNodeFact {
  return {
    name,
    features: ["SecurityGroupsForPods"],
    managedBy: "branchline",
    trunk: `eni-trunk-${name}`,
    branches: [],
    trunkProblem: undefined,
    ...more,
  };
}

export function aPod(name: string, more: Partial<PodFact> = {}): PodFact {
  return {
    namespace: "shop",
    name,
    uid: `uid-${name}`,
    node: "n1",
    labels: { app: "web" },
    serviceAccount: "default",
    usesHostNetwork: false,
    asksForBranch: false,
    phase: "Running",
    isReady: true,
    createdAt: NOW - 3_600_000,
    branch: undefined,
    datapath: undefined,
    addresses: ["10.0.0.20"],
    probePorts: [],
    images: ["registry.example/app:1"],
    enforces: false,
    ...more,
  };
}

/** With a branch. */
export function branched(name: string, vlan: number, more: Partial<PodFact> = {}): PodFact {
  const branch = { eni: `eni-${name}`, vlan, addresses: [`10.0.0.${100 + vlan}`] };
  return aPod(name, { asksForBranch: true, branch, ...more });
}

export function anAgent(node: string, more: Partial<PodFact> = {}): PodFact {
  return aPod(`agent-${node}`, {
    namespace: "kube-system",
    node,
    labels: AGENT,
    usesHostNetwork: true,
    images: ["registry.example/branchline:0.1.0"],
    ...more,
  });
}

export function aPolicy(name: string, more: Partial<PolicyFact> = {}): PolicyFact {
  return {
    namespace: "shop",
    name,
    podSelector: { matchLabels: { app: "web" } },
    groups: ["sg-web"],
    createdAt: NOW - 7_200_000,
    ...more,
  };
}

export function anInterface(id: string, more: Partial<InterfaceFact> = {}): InterfaceFact {
  return {
    id,
    type: "interface",
    status: "in-use",
    subnet: "subnet-a",
    groups: ["sg-web"],
    instance: undefined,
    deviceIndex: undefined,
    trunk: undefined,
    vlan: undefined,
    isOfController: false,
    createdAt: undefined,
    ...more,
  };
}

/** The interface by which a node was started. */
export function aPrimary(node: string, groups: readonly string[] = ["sg-node"]): InterfaceFact {
  return anInterface(`eni-primary-${node}`, { instance: `i-${node}`, deviceIndex: 0, groups });
}

export function aBranch(pod: string, vlan: number, more: Partial<InterfaceFact> = {}): InterfaceFact {
  return anInterface(`eni-${pod}`, {
    type: "branch",
    trunk: "eni-trunk-n1",
    vlan,
    isOfController: true,
    ...more,
  });
}

export function aDaemonSet(name: string, more: Partial<WorkloadFact> = {}): WorkloadFact {
  return {
    namespace: "kube-system",
    name,
    labels: {},
    desired: 1,
    ready: 1,
    env: {},
    ...more,
  };
}

/** What a rule is about, as EC2 has it: from port -1 it is all ports. */
interface About {
  readonly protocol?: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly cidr?: string | undefined;
  readonly peerGroup?: string;
  readonly prefixList?: string;
}

/** A rule as the port reads it. */
export function aRule(group: string, way: "in" | "out", more: About = {}): RuleFact {
  const { protocol, fromPort, toPort, cidr, peerGroup, prefixList }: About = {
    protocol: "-1",
    cidr: "0.0.0.0/0",
    ...more,
  };
  return readRule({
    GroupId: group,
    IsEgress: way === "out",
    IpProtocol: protocol,
    FromPort: fromPort,
    ToPort: toPort,
    [cidr?.includes(":") === true ? "CidrIpv6" : "CidrIpv4"]: cidr,
    PrefixListId: prefixList,
    ReferencedGroupInfo: peerGroup === undefined ? undefined : { GroupId: peerGroup },
  });
}

/** An entry of the plugin. */
export function anEntry(entry: Readonly<Record<string, string | boolean>>) {
  return { from: "kube-system/branchline-agent", entry };
}
