import type { Instance, InstanceInterface, SecurityGroup } from "../ec2/types.ts";
import { primaryOf } from "../ec2/types.ts";
import { type Fact, type Gap, gapsOf, valueOr } from "../facts/fact.ts";
import { isFinished } from "../facts/pods.ts";
import { conclude } from "./conclusion.ts";
import { connectionOf } from "../facts/connection.ts";
import { enforcementIn } from "../facts/enforcement.ts";
import { oneLine } from "./events.ts";
import type { Paths } from "./paths.ts";
import { interfaceWith } from "./places.ts";
import type { ExplainedPod } from "./pod.ts";
import { mapFact } from "../facts/fact.ts";
import type {
  NetworkKind,
  Report,
  ReportedBranch,
  ReportedEvent,
  ReportedGap,
  ReportedGroup,
  ReportedGroups,
} from "./report.ts";
import { reportPaths } from "./report-path.ts";
import type { Problem, Situation } from "./situation.ts";

/** From what was looked at to the report. Pure. */

export interface Looked {
  readonly situation: Situation;
  readonly problems: readonly Problem[];
  readonly paths: Paths;
  /** Of the questions. */
  readonly notes: readonly string[];
  readonly isAsked: boolean;
  readonly branchline: string;
  /** See Names. */
  readonly flags: string;
}

/** More are not shown: the newest say what is. */
const MOST_EVENTS = 10;

export function assemble(all: Looked): Report {
  const { situation, problems, paths: looked, notes, isAsked, branchline, flags } = all;
  const { facts, selected, ec2 } = situation;
  const { pod } = facts;
  const group = namesOf(ec2.groups);
  const paths = reportPaths(looked.paths, { group, flags });
  const gaps = gapsIn(situation, looked.gaps);
  const branch = reportBranch(situation);
  return {
    version: 1,
    branchline,
    at: new Date(facts.now).toISOString(),
    pod: {
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      phase: pod.phase,
      ready: pod.isReady,
      createdAt: pod.createdAt,
      ...(pod.node !== "" && { node: pod.node }),
      ...(pod.owner !== undefined && { owner: pod.owner }),
      serviceAccount: pod.serviceAccount,
      addresses: pod.addresses,
      network: networkOf(pod),
    },
    policies: (selected.known ? selected.value.findings : []).map(({ policy, selection, why }) => ({
      namespace: policy.policy.namespace,
      name: policy.policy.name,
      selection,
      ...(why !== "" && { why }),
      groups: policy.policy.groups,
      createdAt: policy.createdAt,
      changedAt: policy.changedAt,
    })),
    otherPolicies: selected.known ? selected.value.others : 0,
    groups: reportGroups(situation, group),
    ...(branch !== undefined && { branch }),
    events: reportEvents(situation),
    problems,
    paths,
    notes: [...(pod.isBeingDeleted ? ["it is being deleted"] : []), ...notes],
    notLookedAt: gaps,
    ...conclude({
      problems,
      paths,
      gaps,
      isAsked,
      noPaths: noPathsOf(pod),
      fine: fineOf(
        pod,
        new Set(paths.map(({ title }) => title)).size,
        gaps.find(({ what }) => what === "EC2")?.message,
      ),
    }),
  };
}

export function networkOf(pod: ExplainedPod): NetworkKind {
  if (isFinished(pod)) return "ended";
  if (pod.usesHostNetwork) return "node-network";
  if (pod.fargate !== undefined) return "fargate";
  if (pod.branch !== undefined) return "branch";
  if (pod.asksForBranch && pod.phase === "Pending") return "waiting";
  return pod.addresses.length > 0 ? "node-interfaces" : "none";
}

/** Why nothing can be asked of its network; undefined when it can. */
export function noPathsOf(pod: ExplainedPod): string | undefined {
  switch (networkOf(pod)) {
    case "ended":
      return `the pod has ended (${pod.phase}), and given back what it had`;
    case "waiting":
      return pod.node === "" ? "the pod is not scheduled" : "the pod waits for its branch";
    case "none":
      return "the pod has no address yet";
    case "node-network":
      return pod.node === "" ? "the pod is not scheduled" : undefined;
    case "branch":
      return pod.branch?.readable === false ? "its branch cannot be read" : undefined;
    case "fargate":
      return pod.addresses.length > 0 ? undefined : "the pod has no address yet";
    case "node-interfaces":
      return undefined;
  }
}

/** `withoutEc2`: why EC2 was not asked, on purpose; undefined when it was. */
function fineOf(pod: ExplainedPod, paths: number, withoutEc2: string | undefined): string {
  const reached = paths === 0 ? "" : `, and ${openPaths(paths)}`;
  switch (networkOf(pod)) {
    case "ended":
      return `fine: the pod has ended (${pod.phase}), and given back what it had`;
    case "branch":
      return withoutEc2 === undefined
        ? `fine: it has the groups of its policies${reached}`
        : `fine as far as the API server knows: ${withoutEc2}`;
    case "node-network":
      return `fine: it is on the node's network, and has the groups of its node${reached}`;
    case "fargate":
      return `fine: it runs on Fargate${reached}`;
    case "node-interfaces":
      return `fine: no policy selects it, so it has the groups of its node${reached}`;
    case "waiting":
    case "none":
      return "fine so far: it has no address yet";
  }
}

function openPaths(count: number): string {
  if (count === 1) return "the path that was followed is open";
  return `${count === 2 ? "both" : `all ${count}`} paths that were followed are open`;
}

function namesOf(groups: Fact<readonly SecurityGroup[]>): (id: string) => ReportedGroup {
  if (!groups.known) return (id) => ({ id });
  const byId = new Map(groups.value.map(({ id, name }) => [id, name]));
  return (id) => {
    const name = byId.get(id);
    return name === undefined ? { id, exists: false } : { id, name, exists: true };
  };
}

function reportGroups(
  { facts, selected, ec2 }: Situation,
  group: (id: string) => ReportedGroup,
): ReportedGroups {
  const { pod, cniNode } = facts;
  const wanted = selected.known ? selected.value.groups : undefined;
  const instance = valueOr(ec2.instance, undefined);
  const own = ec2.branch.known ? ec2.branch.value : undefined;
  const kind = networkOf(pod);
  const eni = kind === "branch" ? own : instance && interfaceOnNode(instance, kind, pod);
  const made = valueOr(cniNode, undefined)?.trunk?.branches.find(({ id }) => id === own?.id)?.groups;
  const isAsMade =
    made === undefined || made.length === 0 || made.toSorted().join() === own?.groups.toSorted().join();
  const ofFargate = pod.fargate?.groups ?? [];
  const has = kind === "fargate" && ofFargate.length > 0 ? ofFargate : eni?.groups;
  return {
    ...(wanted !== undefined && { wanted: wanted.map(group) }),
    ...(has !== undefined && { has: has.map(group) }),
    ...(eni !== undefined && { interface: eni.id }),
    ...(kind === "branch" && isAsMade && pod.annotatedAt !== undefined && { since: pod.annotatedAt }),
  };
}

function interfaceOnNode(
  instance: Instance,
  kind: NetworkKind,
  { addresses }: ExplainedPod,
): InstanceInterface | undefined {
  if (kind === "node-network") return primaryOf(instance);
  return kind === "node-interfaces" ? interfaceWith(instance, addresses[0] ?? "") : undefined;
}

function reportBranch({ facts, ec2 }: Situation): ReportedBranch | undefined {
  const { pod, settings, daemonSets, networkPolicies, cniNode } = facts;
  if (pod.branch?.readable !== true || isFinished(pod)) return undefined;
  const { eniId, mac, vlanId, addresses } = pod.branch;
  const enforcement = mapFact(daemonSets, (all) => enforcementIn(all, valueOr(settings, undefined)));
  const { attachments, because } = connectionOf(pod, settings, enforcement, networkPolicies);
  const trunk = valueOr(cniNode, undefined)?.trunk?.id;
  const subnet = valueOr(ec2.branch, undefined)?.subnet;
  return {
    eni: eniId,
    mac,
    vlan: vlanId,
    addresses: addresses.map(({ address }) => address),
    ...(trunk !== undefined && { trunk }),
    ...(subnet !== undefined && { subnet }),
    datapaths: attachments,
    because,
    ...(pod.annotatedAt !== undefined && { since: pod.annotatedAt }),
  };
}

function reportEvents({ facts: { events, nodeEvents } }: Situation): readonly ReportedEvent[] {
  const of = (about: "pod" | "node", fact: typeof events) =>
    valueOr(fact, []).map(({ at, type, reason, component, message }) => ({
      about,
      at,
      type,
      reason,
      component,
      message: oneLine(message),
    }));
  return [...of("node", nodeEvents), ...of("pod", events)].slice(-MOST_EVENTS);
}

/** Each once. What was left out as nobody needs it is no gap. */
function gapsIn({ facts, ec2 }: Situation, ofPaths: readonly Gap[]): readonly ReportedGap[] {
  const { now: _, pod: __, ...rest } = facts;
  const all = [...gapsOf([...Object.values(rest), ...Object.values(ec2)]), ...ofPaths];
  const real = all.filter(({ reason, what }) => reason !== "skipped" || what === "EC2");
  return real.filter((one, i) => real.findIndex((other) => other.message === one.message) === i);
}
