import type { CniNodeFacts, NodeFacts, PodFacts } from "../../src/controller/facts.ts";
import { type Branch, emptyLedger, type InstanceFacts, type Ledger } from "../../src/controller/ledger.ts";
import { type GroupChange, NO_CHANGE } from "../../src/controller/pods/group-change.ts";
import type { Settings, View } from "../../src/controller/view.ts";

/** What the controller decides by, of a node n1 on an instance i-1 with a trunk that is ready; each with these fields in place of the usual ones. */

export const SETTINGS: Settings = {
  cluster: "one",
  mode: "standalone",
  cooldownMs: 60_000,
  liveGroups: true,
  warm: { target: 0, recycle: "same-groups", life: "one", room: () => 1_000 },
  limitsOf: (type) =>
    new Map([
      ["m5.large", { interfaces: 3, branches: 9 }],
      ["t3.small", { interfaces: 3, branches: 0 }],
      ["tiny", { interfaces: 2, branches: 3 }],
    ]).get(type),
};

export const SUBNET = { id: "subnet-1", cidr: "10.0.0.0/20", ipv6Cidr: undefined };

export function instanceFacts(fields: Partial<InstanceFacts> = {}): InstanceFacts {
  return {
    type: "m5.large",
    subnet: SUBNET,
    groups: ["sg-node"],
    tracking: undefined,
    deviceIndexes: [0],
    ...fields,
  };
}

export function nodeFacts(fields: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name: "n1",
    uid: "node-uid",
    isLinux: true,
    isIpv6: false,
    instanceType: "m5.large",
    capacity: 9,
    allocatable: 9,
    isTainted: false,
    trunkAnnotation: undefined,
    isAgentReady: true,
    ...fields,
  };
}

export function cniNodeFacts(fields: Partial<CniNodeFacts> = {}): CniNodeFacts {
  return {
    uid: "cninode-uid",
    ownerUid: "node-uid",
    instance: "i-1",
    isBeingDeleted: false,
    managedBy: "branchline",
    asksForTrunk: true,
    eniConfig: undefined,
    tracking: undefined,
    tags: {},
    status: "{}",
    ...fields,
  };
}

export function podFacts(fields: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: "shop",
    name: "web",
    uid: "pod-1",
    wantsBranch: true,
    isFinished: false,
    isBeingDeleted: false,
    hasAnnotations: false,
    claim: undefined,
    groups: { groups: ["sg-a"], selecting: ["shop/web"], undecided: [], passedOver: [] },
    ...fields,
  };
}

/** A branch on VLAN 1, known by its own creation. */
export function branchOf(fields: Partial<Branch> & { readonly id?: string } = {}): Branch {
  const { id = "eni-1", ...rest } = fields;
  return {
    state: "assigned",
    eni: {
      id,
      mac: "02:00:00:00:00:01",
      ipv4: "10.0.0.5",
      ipv6: undefined,
      groups: ["sg-a"],
      subnet: SUBNET,
    },
    vlan: 1,
    association: `assoc of ${id}`,
    pod: { namespace: "shop", name: "web", uid: "pod-1" },
    until: undefined,
    areGroupsSure: true,
    home: { namespace: "shop", isOpen: false },
    wasWarm: false,
    mayBeAnnotated: false,
    seen: "own",
    missing: 0,
    knownAt: 0,
    since: 0,
    retry: undefined,
    ...rest,
  };
}

export function ledgerOf({
  branches = [],
  ...fields
}: Partial<Omit<Ledger, "branches">> & { readonly branches?: readonly Branch[] } = {}): Ledger {
  return {
    ...emptyLedger("i-1"),
    descriptions: 1,
    trunk: {
      state: "attached",
      facts: undefined,
      id: "eni-trunk",
      mac: "02:00:00:00:00:ff",
      subnet: "subnet-1",
      deviceIndex: 2,
      attachment: "eni-attach-1",
      goesWithInstance: true,
    },
    branches: new Map(branches.map((branch) => [branch.eni.id, branch])),
    ...fields,
  };
}

/** A change of groups to sg-b, once its branch is marked. */
export function changeOf(fields: Partial<GroupChange> = {}): GroupChange {
  return { ...NO_CHANGE, groups: ["sg-b"], isMarked: true, ...fields };
}

export function viewOf(fields: Partial<View> = {}): View {
  return {
    settings: SETTINGS,
    ledger: ledgerOf(),
    node: nodeFacts(),
    cniNode: cniNodeFacts(),
    eniConfig: undefined,
    pods: [],
    isComplete: true,
    areGroupsCurrent: true,
    policyGroups: () => [["sg-a"]],
    busy: new Set(),
    ...fields,
  };
}

/** The kinds of a decision's actions, in order. */
export function kindsOf({ actions }: { readonly actions: readonly { readonly kind: string }[] }): string[] {
  return actions.map(({ kind }) => kind);
}
