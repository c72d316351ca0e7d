import { setImmediate as turn } from "node:timers/promises";
import { KubernetesError } from "../../kubernetes/error.ts";
import type { EventText } from "../../kubernetes/events.ts";
import type { Change } from "../../kubernetes/store.ts";
import type { PodGroups } from "../../policy/groups-of-pod.ts";
import { type Timer, pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import { canonical } from "../canonical.ts";
import { earlier } from "../draft.ts";
import type { SeenPod, SeenPolicy } from "../objects.ts";
import { SaidOnce } from "../said-once.ts";
import type { GroupFacts } from "./groups.ts";
import { Pace } from "./pace.ts";
import { PodsByNamespace } from "./pods-by-namespace.ts";
import type { PolicyPort } from "./policy-port.ts";
import { NOT_ASKED, type PolicyCondition, type PolicyStatus, statusOf } from "./status.ts";
import { type SeenBranch, Tallies } from "./tally.ts";

/** So often it is looked for namespaces that have changed. */
const LOOK_MS = 250;
/** A namespace is counted again after so many times as long as it took, and after so long at least. */
const REST_FACTOR = 20;
const REST_MS = 1_000;
/** Pods that are counted without a pause: decisions must not wait. */
const SLICE = 250;
const PACE = { burst: 20, perSecond: 2, ownMs: 5_000 };
/** What the API server has refused is tried again after so long. */
const AGAIN_MS = 10_000;
/** Whether policies have a status is asked again after so long. */
const SERVED_MS = 600_000;
/** What has not gone well is said, by these reasons; what waits is the pods' own events' matter. */
const EVENTS: ReadonlySet<string> = new Set([
  "GroupMissing",
  "GroupOfOtherVpc",
  "GroupsNotRead",
  "TooManyGroups",
  "PolicyWithoutEffect",
  "PodWithoutBranch",
  "PodOtherGroups",
  "PodsNotKnown",
]);

export interface PolicyReporterOptions {
  readonly port: PolicyPort;
  readonly groupsOf: (pod: SeenPod, policies: readonly SeenPolicy[]) => PodGroups;
  /** Policies and ServiceAccounts are followed. */
  readonly areGroupsCurrent: () => boolean;
  readonly branchOf: (pod: SeenPod) => SeenBranch | undefined;
  readonly groups: () => GroupFacts;
  readonly quota: number;
  readonly liveGroups: boolean;
  readonly say: (policy: SeenPolicy, text: EventText) => void;
  readonly mayAct: () => boolean;
  readonly timer: Timer;
  readonly log: (level: "warn", message: string) => void;
}

/**
 * Keeps the status of policies. A change marks its namespace; marked ones are counted again, and what differs from the
 * status is written: never a write a pod.
 */
export class PolicyReporter {
  private readonly options: PolicyReporterOptions;
  private readonly pods = new PodsByNamespace();
  private readonly policies = new Map<string, Map<string, SeenPolicy>>();
  private readonly marked = new Set<string>();
  /** Namespaces that were counted a moment ago, until when they rest. */
  private readonly resting = new Map<string, number>();
  /** When a namespace is counted again although nothing has changed: a status of it has not been written. */
  private readonly unwritten = new Map<string, number>();
  private readonly pace = new Pace(PACE);
  /** By UID and type of condition, or `status`: why it was refused. */
  private readonly said = new SaidOnce();
  /** By UID: what was written last, for an API server that does not keep all of it. */
  private readonly written = new Map<string, string>();
  private served: { readonly at: number; readonly hasStatus: boolean } | undefined;
  /** Statuses that were written. */
  writes = 0;

  constructor(options: PolicyReporterOptions) {
    this.options = options;
  }

  podChanged(change: Change<SeenPod>): void {
    this.pods.apply(change);
    this.mark(change.object.metadata.namespace);
  }

  policyChanged({ type, object }: Change<SeenPolicy>): void {
    const { namespace, name, uid } = object.metadata;
    const own = this.policies.get(namespace) ?? new Map<string, SeenPolicy>();
    if (type !== "deleted") own.set(name, object);
    else if (own.get(name)?.metadata.uid === uid) own.delete(name);
    if (own.size === 0) this.policies.delete(namespace);
    else this.policies.set(namespace, own);
    if (type === "deleted") this.forget(uid);
    this.mark(namespace);
  }

  /** Something about the pods of a namespace that have a branch. */
  mark(namespace: string): void {
    if (this.policies.has(namespace)) this.marked.add(namespace);
  }

  /** What EC2 says of groups or branches. */
  markAll(): void {
    for (const namespace of this.policies.keys()) this.marked.add(namespace);
  }

  /** Ids that policies name. */
  groupIds(): ReadonlySet<string> {
    const ids = new Set<string>();
    for (const own of this.policies.values())
      for (const { policy } of own.values()) for (const id of policy.groups) ids.add(id);
    return ids;
  }

  /** Until the signal is aborted: of the replica that leads. */
  async run(signal: AbortSignal): Promise<void> {
    const { timer, log } = this.options;
    this.markAll();
    while (!signal.aborted) {
      await pause(timer, LOOK_MS, signal);
      for (const namespace of this.due()) {
        if (signal.aborted) return;
        try {
          await this.count(namespace, signal);
        } catch (error) {
          if (signal.aborted) return;
          log("warn", `the status of policies of ${namespace} is not written: ${messageOf(error)}`);
          this.later(namespace, AGAIN_MS);
          this.resting.set(namespace, Math.max(this.resting.get(namespace) ?? 0, timer.now() + AGAIN_MS));
        }
        await turn();
      }
    }
  }

  private due(): string[] {
    const { timer, mayAct, areGroupsCurrent } = this.options;
    if (!mayAct() || !areGroupsCurrent()) return [];
    const now = timer.now();
    for (const [namespace, until] of this.resting) if (until <= now) this.resting.delete(namespace);
    for (const [namespace, at] of this.unwritten) {
      if (at > now) continue;
      this.unwritten.delete(namespace);
      this.mark(namespace);
    }
    return [...this.marked].filter((namespace) => !this.resting.has(namespace));
  }

  private later(namespace: string, milliseconds: number): void {
    this.unwritten.set(namespace, this.options.timer.now() + milliseconds);
  }

  private async count(namespace: string, signal: AbortSignal): Promise<void> {
    const { timer, branchOf, quota, liveGroups } = this.options;
    const began = timer.now();
    this.marked.delete(namespace);
    const policies = [...(this.policies.get(namespace)?.values() ?? [])];
    const tallies = new Tallies(
      policies.map(({ policy }) => policy),
      quota,
    );
    const once = new GroupsOnce(this.options, policies);
    let slice = 0;
    let worked = 0;
    let at = began;
    for (const pod of policies.length === 0 ? [] : [...this.pods.of(namespace).values()]) {
      tallies.add(pod, once.of(pod), branchOf(pod));
      slice += 1;
      if (slice % SLICE !== 0) continue;
      worked += timer.now() - at;
      await turn();
      at = timer.now();
      if (signal.aborted) return;
    }
    worked += timer.now() - at;
    const now = timer.now();
    this.resting.set(namespace, now + Math.max(REST_MS, worked * REST_FACTOR));
    this.unwritten.delete(namespace);
    let wait: number | undefined;
    for (const policy of policies) {
      const facts = {
        policy: policy.policy,
        generation: policy.generation,
        tally: tallies.of(policy.policy),
        groups: this.options.groups(),
        quota,
        liveGroups,
      };
      const status = statusOf(facts);
      // Until EC2 has refused, the groups are on their way.
      const isUnderWay = liveGroups && facts.tally.other.refusal === undefined;
      this.tell(policy, isUnderWay ? status.conditions.filter(isSettled) : status.conditions);
      wait = earlier(wait, await this.report(policy, status, signal));
    }
    if (wait !== undefined) this.later(namespace, wait);
  }

  /** Gives after how many milliseconds to try again; undefined: there is nothing left to write. */
  private async report(
    policy: SeenPolicy,
    status: PolicyStatus,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { timer, port, mayAct, log } = this.options;
    const { namespace, name, uid } = policy.metadata;
    const text = canonical(status);
    // It is there. Whatever it becomes otherwise is not ours, and written over.
    if (text === policy.status) this.written.delete(uid);
    if (text === policy.status || text === this.written.get(uid)) return undefined;
    if (!(await this.hasStatus(signal))) return undefined;
    const wait = this.pace.take(uid, timer.now());
    if (wait > 0) return wait;
    if (!mayAct()) return undefined;
    try {
      await port.setStatus(policy, status, signal);
      this.writes += 1;
      this.written.set(uid, text);
      this.said.forget(`${uid} status`);
      return undefined;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // Gone meanwhile, or another by now: what comes of it marks it again.
      if (error.kind === "missing" || error.kind === "conflict") return undefined;
      // Of this one alone: the others' are written all the same.
      if (error.kind !== "invalid" && error.kind !== "denied") throw error;
      const why = messageOf(error);
      if (this.said.isNew(`${uid} status`, why))
        log("warn", `the status of policy ${namespace}/${name} is not written: ${why}`);
      return AGAIN_MS;
    }
  }

  private async hasStatus(signal: AbortSignal): Promise<boolean> {
    const { timer, port } = this.options;
    if (this.served === undefined || timer.now() - this.served.at > SERVED_MS)
      this.served = { at: timer.now(), hasStatus: await port.hasStatus(signal) };
    return this.served.hasStatus;
  }

  /** As events, which on EKS are all that there is: each condition that does not hold, once in the same words. */
  private tell(policy: SeenPolicy, conditions: readonly PolicyCondition[]): void {
    for (const { type, reason, message, status } of conditions) {
      const key = `${policy.metadata.uid} ${type}`;
      const isBad = status !== "True" && EVENTS.has(reason) && message !== NOT_ASKED;
      if (!isBad) this.said.forget(key);
      else if (this.said.isNew(key, `${reason} ${message}`))
        this.options.say(policy, { type: "Warning", reason, message });
    }
  }

  private forget(uid: string): void {
    this.pace.forget(uid);
    this.written.delete(uid);
    this.said.forget(`${uid} GroupsFound`);
    this.said.forget(`${uid} Applied`);
    this.said.forget(`${uid} status`);
  }
}

function isSettled({ reason }: PolicyCondition): boolean {
  return reason !== "PodOtherGroups";
}

/** Pods of one Deployment have the same labels and ServiceAccount, and so the same groups: they are worked out once. */
class GroupsOnce {
  private readonly known = new Map<string, PodGroups>();
  private readonly options: Pick<PolicyReporterOptions, "groupsOf">;
  private readonly policies: readonly SeenPolicy[];

  constructor(options: Pick<PolicyReporterOptions, "groupsOf">, policies: readonly SeenPolicy[]) {
    this.options = options;
    this.policies = policies;
  }

  of(pod: SeenPod): PodGroups {
    const key = JSON.stringify([pod.serviceAccount, pod.metadata.labels]);
    let groups = this.known.get(key);
    if (groups === undefined) {
      groups = this.options.groupsOf(pod, this.policies);
      this.known.set(key, groups);
    }
    return groups;
  }
}
