// Who is in every world: two nodes with pods of all datapaths and modes, machines of the VPC, a host outside. What differs
// from world to world is what decides about their packets (world.ts).
import type { Attachment } from "../../src/verdict/places.ts";

export const subnets = {
  nodes: "10.0.0.0/24",
  pods: "10.0.1.0/24",
  data: "10.0.2.0/24",
  /** Of the host that stands for the internet: the nodes' NAT and the verdict take it for outside of the VPC. */
  outside: "10.0.200.0/24",
} as const;
export type SubnetName = keyof typeof subnets;

/** What a node's NAT leaves alone. */
export const vpcRange = "10.0.0.0/17";

export interface NodeActor {
  readonly kind: "node";
  readonly name: string;
  readonly doesNat: boolean;
}

export interface PodActor {
  readonly kind: "pod";
  readonly name: string;
  readonly node: string;
  readonly attachment: Attachment;
  /** Of its branch. */
  readonly subnet: SubnetName;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
}

export interface MachineActor {
  readonly kind: "machine";
  readonly name: string;
  readonly subnet: SubnetName;
  readonly isOutside: boolean;
}

export type Actor = NodeActor | PodActor | MachineActor;

export const nodes: readonly NodeActor[] = [
  { kind: "node", name: "n1", doesNat: true },
  { kind: "node", name: "n2", doesNat: false },
];

const branches: readonly SubnetName[] = ["pods", "nodes", "data"];

/** As many of each kind as a node has; the subnets of their branches go round. */
function podsOf(node: string, kinds: readonly (readonly [Attachment, string, number])[]): PodActor[] {
  return kinds.flatMap(([attachment, letter, count], kind) =>
    Array.from({ length: count }, (_, i) => ({
      kind: "pod" as const,
      name: `${letter}${i + 1}${node}`,
      node,
      attachment,
      subnet: branches[(i + kind) % branches.length] ?? "pods",
      labels: { app: letter, no: String(i + 1) },
      namespace: i % 2 === 0 ? "shop" : "ops",
    })),
  );
}

export const pods: readonly PodActor[] = [
  ...podsOf("n1", [
    ["none", "plain", 2],
    ["direct", "direct", 3],
    ["routed standard", "standard", 3],
    ["routed strict", "strict", 3],
  ]),
  ...podsOf("n2", [
    ["none", "plain", 2],
    ["direct", "direct", 3],
    ["routed standard", "standard", 2],
    ["routed strict", "strict", 2],
  ]),
];

export const machines: readonly MachineActor[] = [
  { kind: "machine", name: "db", subnet: "data", isOutside: false },
  { kind: "machine", name: "batch", subnet: "pods", isOutside: false },
  { kind: "machine", name: "lb", subnet: "nodes", isOutside: false },
  { kind: "machine", name: "web", subnet: "outside", isOutside: true },
];

export const actors: readonly Actor[] = [...nodes, ...pods, ...machines];

export function actorOf(name: string): Actor {
  const found = actors.find((actor) => actor.name === name);
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
}

/** What has groups of its own: by the name of the pod, node or machine. A pod without a branch has its node's. */
export const members: readonly string[] = actors
  .filter((actor) => !(actor.kind === "pod" && actor.attachment === "none") && !isOutside(actor))
  .map(({ name }) => name);

export function isOutside(actor: Actor): boolean {
  return actor.kind === "machine" && actor.isOutside;
}

/** Groups that a world gives out. */
export const groups: readonly string[] = Array.from({ length: 8 }, (_, i) => `g${i}`);

/** Prefix lists of each family. */
export const lists: Readonly<Record<string, 4 | 6>> = { a4: 4, b4: 4, a6: 6, b6: 6 };

/** Subnets whose ACL a world sets. */
export const ruledSubnets: readonly SubnetName[] = ["nodes", "pods", "data"];

/** Served everywhere. */
export const ports: readonly number[] = [53, 80, 443, 5432, 8080];

/** Addresses that each node has for itself. */
export const agents: Readonly<Record<string, string>> = {
  "node-local-dns": "169.254.20.10",
  "pod-identity": "169.254.170.23",
  "pod-identity-v6": "fd00:ec2::23",
};
