import type { CniNodeFact } from "../facts/cni-nodes.ts";
import { connectionOf } from "../facts/connection.ts";
import { type Fact, mapFact, valueOr } from "../facts/fact.ts";
import type { NetworkPolicyFact } from "../facts/network-policies.ts";
import type { PodBranch } from "../facts/pods.ts";
import { isOnFargate } from "../policy/fargate.ts";
import { groupsOfPod, type PodGroups } from "../policy/groups-of-pod.ts";
import type { Labels } from "../policy/label-selector.ts";
import type { SecurityGroupPolicy } from "../policy/security-group-policy.ts";
import type { ClusterFacts } from "./facts.ts";
import { byNamespaceAndName } from "./order.ts";
import type { PodOverview } from "../facts/pod-overviews.ts";
import { isFinished } from "../facts/pods.ts";
import type { PodState, PodStatus } from "./status.ts";

/** Pods that have a branch, or should have one; those on Fargate, whose groups AWS gives, are left out. Pure. */

/** With what else problems and policies look at. */
export interface SeenPod {
  readonly fact: PodOverview;
  readonly status: PodStatus;
  /** Policies of which it is not known whether they select it, with the reason. */
  readonly undecided: readonly { readonly policy: string; readonly why: string }[];
}

export function podsOf(facts: ClusterFacts): readonly SeenPod[] {
  const policies = Map.groupBy(
    valueOr(facts.policies, []).map(({ policy }) => policy),
    (policy) => policy.namespace,
  );
  const groups = new GroupsOnce(facts.accounts);
  const branches = groupsInCniNodes(facts.cniNodes);
  const networkPolicies = Map.groupBy(valueOr(facts.networkPolicies, []), (policy) => policy.namespace);
  const { namespace } = facts.scope;
  return valueOr(facts.pods, [])
    .flatMap((pod) => {
      if (pod.usesHostNetwork || isFinished(pod) || isOnFargate(pod)) return [];
      if (namespace !== undefined && pod.namespace !== namespace) return [];
      const own = policies.get(pod.namespace) ?? [];
      if (own.length === 0 && pod.branch === undefined && !pod.asksForBranch) return [];
      return seen(pod, groups.of(pod, own), branches, facts, networkPolicies.get(pod.namespace) ?? []);
    })
    .toSorted((a, b) => byNamespaceAndName(a.status, b.status));
}

function seen(
  fact: PodOverview,
  { selecting, groups, undecided }: PodGroups,
  branches: ReadonlyMap<string, readonly string[]>,
  facts: ClusterFacts,
  networkPolicies: readonly NetworkPolicyFact[],
): readonly SeenPod[] {
  const isOurs = fact.branch !== undefined || fact.asksForBranch || selecting.length > 0;
  if (!isOurs && undecided.length === 0) return [];
  const branch = fact.branch?.readable === true ? fact.branch : undefined;
  const { state, why } = stateOf(fact, selecting, facts);
  const status: PodStatus = {
    namespace: fact.namespace,
    name: fact.name,
    node: fact.node,
    state,
    why,
    branch: branch && { eni: branch.eniId, vlan: branch.vlanId },
    // What runs beside its branch does not have its groups.
    ...groupsOf(state === "uncovered" ? undefined : branch, branches, facts),
    wantedGroups: facts.policies.known && undecided.length === 0 ? groups.toSorted() : undefined,
    policies: selecting.map((name) => name.slice(fact.namespace.length + 1)),
    ...datapathOf(fact, facts, networkPolicies),
    waitedS: waitedS(fact, facts.now),
  };
  return [{ fact, status, undecided }];
}

/** Pods of one Deployment have the same labels, as one object, and so the same groups: they are worked out once. */
class GroupsOnce {
  private readonly accounts: Fact<ReadonlyMap<string, Labels>>;
  private readonly known = new Map<Labels, Map<string, PodGroups>>();

  constructor(accounts: Fact<ReadonlyMap<string, Labels>>) {
    this.accounts = accounts;
  }

  /** `policies`: those of its namespace. */
  of(pod: PodOverview, policies: readonly SecurityGroupPolicy[]): PodGroups {
    const { labels, namespace, serviceAccount } = pod;
    const account = `${namespace}/${serviceAccount}`;
    const byAccount = this.known.get(labels) ?? new Map<string, PodGroups>();
    this.known.set(labels, byAccount);
    let groups = byAccount.get(account);
    if (groups === undefined) {
      groups = groupsOfPod(policies, pod, valueOr(this.accounts, new Map()).get(account));
      byAccount.set(account, groups);
    }
    return groups;
  }
}

function stateOf(
  pod: PodOverview,
  selecting: readonly string[],
  { events }: ClusterFacts,
): { readonly state: PodState; readonly why: string | undefined } {
  if (pod.isBeingDeleted) return { state: "ending", why: undefined };
  const runs = pod.phase === "Running" || pod.networkAt !== undefined;
  if (runs) {
    const why = whyUncovered(pod, selecting);
    return { state: why === undefined ? "attached" : "uncovered", why };
  }
  const event = valueOr(events, new Map()).get(`${pod.namespace}/${pod.name}`);
  // Of an earlier pod of that name it says nothing.
  const said = event?.about.uid === pod.uid ? `${event.reason}: ${event.message}` : undefined;
  const isUnreadable = pod.branch?.readable === false ? pod.branch.why : undefined;
  if (pod.branch !== undefined) return { state: "starting", why: isUnreadable ?? said };
  const scheduling = pod.node === "" ? pod.unschedulable : undefined;
  const asks = pod.asksForBranch ? undefined : "a policy selects it, and it asks for no branch";
  return { state: "waiting", why: said ?? scheduling ?? asks };
}

/** Of a pod that runs; undefined when its network is its branch's. */
function whyUncovered(pod: PodOverview, selecting: readonly string[]): string | undefined {
  const { branch, addresses, asksForBranch } = pod;
  if (branch === undefined) {
    if (asksForBranch) return "it asks for a branch, and runs without";
    return selecting.length === 0 ? undefined : "a policy selects it, and it asks for no branch";
  }
  if (!branch.readable) return `its annotation cannot be read: ${branch.why}`;
  // Before its address is told nobody can say, and an annotation without addresses is never attached.
  if (addresses.length === 0) return undefined;
  const own = branch.addresses.map(({ address }) => address);
  return addresses.some((one) => own.includes(one))
    ? undefined
    : `its address ${addresses[0]} is not its branch's (${own.join(", ")}): the annotation came after its network`;
}

function groupsOf(
  branch: PodBranch | undefined,
  inCniNodes: ReadonlyMap<string, readonly string[]>,
  { interfaces }: ClusterFacts,
): Pick<PodStatus, "groups" | "groupsFrom"> {
  if (branch === undefined) return { groups: undefined, groupsFrom: undefined };
  if (interfaces.known) {
    const eni = interfaces.value.get(branch.eniId);
    return { groups: eni?.groups.toSorted(), groupsFrom: eni && "ec2" };
  }
  const groups = inCniNodes.get(branch.eniId);
  return { groups: groups?.toSorted(), groupsFrom: groups && "cninode" };
}

/** Groups of branches by ENI, as CNINodes have them; a CNINode without groups says nothing. */
function groupsInCniNodes(cniNodes: Fact<readonly CniNodeFact[]>): ReadonlyMap<string, readonly string[]> {
  return new Map(
    valueOr(cniNodes, []).flatMap(({ trunk }) =>
      (trunk?.branches ?? []).flatMap(({ id, groups }) =>
        groups.length === 0 ? [] : [[id, groups] as const],
      ),
    ),
  );
}

/** The one that follows from what is configured, or the configured word where that leaves more than one. */
function datapathOf(
  pod: PodOverview,
  { settings, enforcement, networkPolicies }: ClusterFacts,
  policies: readonly NetworkPolicyFact[],
): Pick<PodStatus, "datapath" | "mode"> {
  const said = valueOr(settings, undefined);
  if (pod.branch === undefined || said === undefined) return { datapath: undefined, mode: undefined };
  const { attachments } = connectionOf(
    { ...pod, wantedDatapath: pod.datapath },
    settings,
    enforcement,
    mapFact(networkPolicies, () => policies),
  );
  const [attachment, ...others] = attachments;
  if (others.length > 0) return { datapath: said.datapath, mode: undefined };
  return attachment === "direct"
    ? { datapath: "direct", mode: undefined }
    : { datapath: "routed", mode: said.mode };
}

/** Clocks of nodes and API server differ, so it may come out negative: then it is nothing. */
function waitedS({ createdAt, networkAt, isBeingDeleted }: PodOverview, now: number): number | undefined {
  if (createdAt === undefined || (networkAt === undefined && isBeingDeleted)) return undefined;
  return Math.max(0, Math.floor(((networkAt ?? now) - createdAt) / 1000));
}
