import type { Cache, CacheState } from "../../kubernetes/cache.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { type KubernetesObject, keyOf } from "../../kubernetes/metadata.ts";
import { PODS, SECURITY_GROUP_POLICIES, SERVICE_ACCOUNTS } from "../../kubernetes/objects.ts";
import type { Pod, SecurityGroupPolicyObject } from "../../kubernetes/objects.ts";
import { asksForServiceAccount, groupsOfPod, type PodGroups } from "../../policy/groups-of-pod.ts";
import type { Labels } from "../../policy/label-selector.ts";
import type { SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import type { BranchAnswer, GoneAnswer } from "../../state/answer.ts";
import type { AskedPodName, Question } from "../../state/question.ts";
import { LinkedAbort } from "../../sys/linked-abort.ts";
import { type Timer, pause } from "../../sys/timer.ts";
import { decide, type NetworkPolicies } from "./decide.ts";
import { lastWarning, warningsOn } from "./last-warning.ts";
import { isAskedPod } from "./pod-names.ts";
import { SharedReads } from "./shared-read.ts";
import { Unselected } from "./unselected.ts";

/** With the API server away, caches are believed for so long. */
export const STALE_MS = 600_000;
/** A pod that waits longer is told about. */
const LATE_MS = 10_000;
/** A pod that waits is looked at so often, whatever the watch says. */
const LOOK_AGAIN_MS = 5_000;

/** Filled in when it is known. */
interface LateWarning {
  readonly said?: string | undefined;
}

export interface AnswererOptions {
  readonly client: KubernetesClient;
  readonly nodeName: string;
  /** Of this node. */
  readonly pods: Cache<Pod>;
  readonly policies: Cache<SecurityGroupPolicyObject>;
  readonly timer: Timer;
  readonly networkPoliciesOf: (pod: Pod) => NetworkPolicies;
  /** Why no branch can come at the moment, such as "no trunk yet"; "" if nothing is known. */
  readonly obstacle: () => string;
  readonly unrequested: "refuse" | "allow";
  /** Hears of a pod that is refused, or that has waited for long; not of one that the API server does not have. */
  readonly tell: (pod: Pod, what: "BranchRefused" | "BranchLate", reason: string) => void;
  /** Ends what is waiting. */
  readonly signal: AbortSignal;
}

/**
 * Answers questions about pods: reads what `decide` needs, and waits for what it waits for. Made before its caches run,
 * since it has to know since when a pod is known.
 */
export class Answerer {
  private readonly options: AnswererOptions;
  private readonly policiesOf: SharedReads<readonly SecurityGroupPolicy[]>;
  private readonly serviceAccountOf: SharedReads<KubernetesObject>;
  private readonly podOf: SharedReads<Pod>;
  private readonly unselected: Unselected;

  constructor(options: AnswererOptions) {
    this.options = options;
    const { client, signal } = options;
    this.policiesOf = new SharedReads((namespace) => this.listPolicies(namespace));
    this.serviceAccountOf = new SharedReads((key) => client.get(SERVICE_ACCOUNTS, namesIn(key), signal));
    this.podOf = new SharedReads((key) => client.get(PODS, namesIn(key), signal));
    const { pods, policies, timer } = options;
    this.unselected = new Unselected({ pods, policies, timer, look: (pod) => this.lookAhead(pod) });
  }

  answer(question: Question): Promise<BranchAnswer | GoneAnswer> {
    return question.ask === "gone" ? this.isGone(question.pod) : this.branch(question);
  }

  /** Answers as soon as there is one, and `wait` when the time is up. */
  private async branch(question: Extract<Question, { ask: "branch" }>): Promise<BranchAnswer> {
    const { timer, signal } = this.options;
    const asked = timer.now();
    const deadline = asked + question.timeoutMs;
    let late: LateWarning | undefined;
    for (;;) {
      const changed = this.whenChanged(question.pod);
      try {
        const { pod, answer } = await this.look(question);
        if (answer.answer !== "wait") return answer;
        const left = deadline - timer.now();
        if (pod !== undefined && timer.now() - asked >= LATE_MS) {
          // Read once, and waited for by nobody.
          late ??= this.readWarning(pod);
          const reason = [answer.reason, ...(late.said === undefined ? [] : [late.said])].join("; ");
          this.options.tell(pod, "BranchLate", reason);
          if (left <= 0) return wait(reason);
        }
        if (left <= 0) return answer;
        await changed.orAfter(Math.min(left, LOOK_AGAIN_MS));
        if (signal.aborted) return answer;
      } finally {
        changed.forget();
      }
    }
  }

  private async look(
    question: Extract<Question, { ask: "branch" }>,
  ): Promise<{ readonly pod?: Pod; readonly answer: BranchAnswer }> {
    try {
      const pod = await this.find(question.pod);
      if (pod === undefined) return { answer: gone(question.pod) };
      const answer = await this.settle(pod, question);
      if (answer.answer === "refused") this.options.tell(pod, "BranchRefused", answer.reason);
      return { pod, answer };
    } catch (error) {
      if (this.options.signal.aborted) return { answer: wait("the agent is ending") };
      if (!(error instanceof KubernetesError)) throw error;
      return { answer: wait(`the API server does not say what the pod needs: ${error.message}`) };
    }
  }

  /** What the controller last said of the pod, once the API server has told: it knows more of why a branch is late. */
  private readWarning(pod: Pod): LateWarning {
    const { client, signal } = this.options;
    const warning: { said?: string | undefined } = {};
    warningsOn(client, pod, signal).then(
      (warnings) => {
        warning.said = lastWarning(warnings);
      },
      // The reason is enough without it.
      () => undefined,
    );
    return warning;
  }

  private async settle(pod: Pod, question: Extract<Question, { ask: "branch" }>): Promise<BranchAnswer> {
    const { pods, networkPoliciesOf, obstacle, unrequested } = this.options;
    const facts = {
      pod,
      others: pods.values(),
      networkPolicies: networkPoliciesOf(pod),
      datapath: question.datapath,
      obstacle: obstacle(),
      unrequested,
    };
    const decision = decide({ ...facts, policies: undefined });
    if (decision.answer !== "look") return decision;
    if (await this.unselected.take(pod)) return { answer: "none" };
    const settled = decide({ ...facts, others: pods.values(), policies: await this.selectionOf(pod) });
    return settled.answer === "look" ? wait("the policies have not been looked at") : settled;
  }

  /** The pod from the cache, else from the API server; undefined if it is another one or none. */
  private async find(asked: AskedPodName): Promise<Pod | undefined> {
    const { pods, nodeName } = this.options;
    const cached = this.isFresh(pods.state()) ? pods.get(asked.name, asked.namespace) : undefined;
    // Without a UID, the cache may still have the pod before of that name.
    if (cached !== undefined && asked.uid !== "" && isAskedPod(cached, asked)) return cached;
    try {
      const read = await this.podOf.get(keyOf(asked));
      // Without a UID it may be the next one of that name, which runs elsewhere.
      const isHere = asked.uid !== "" || read.node === nodeName;
      return isHere && isAskedPod(read, asked) ? read : undefined;
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "missing") return undefined;
      throw error;
    }
  }

  /** Whether no policy selects it; false as well if that is not known: ADD will ask again, and say what is wrong. */
  private async lookAhead(pod: Pod): Promise<boolean> {
    try {
      return isNone(await this.selectionOf(pod));
    } catch {
      return false;
    }
  }

  private async selectionOf(pod: Pod): Promise<PodGroups> {
    const { namespace } = pod.metadata;
    const policies = await this.currentPolicies(pod);
    const labels = asksForServiceAccount(policies, namespace)
      ? await this.labelsOfServiceAccount(pod)
      : undefined;
    const groups = groupsOfPod(
      policies,
      { namespace, labels: pod.metadata.labels, serviceAccount: pod.serviceAccount },
      labels,
    );
    if (isNone(groups)) this.unselected.note(pod);
    return groups;
  }

  /**
   * Policies as of now: a cache may not have one yet that was there when the pod was made. With the API server away, the
   * cache is enough for a while if it is shown to have all that are older than the pod.
   */
  private async currentPolicies(pod: Pod): Promise<readonly SecurityGroupPolicy[]> {
    const { policies } = this.options;
    try {
      return await this.policiesOf.get(pod.metadata.namespace);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== "retry") throw error;
      if (!this.isFresh(policies.state()) || !this.unselected.isCovered(pod)) throw error;
      return [...policies.values()].map(({ policy }) => policy);
    }
  }

  /** Whether a cache may still be believed. */
  private isFresh({ isComplete, heardAt }: CacheState): boolean {
    return isComplete && heardAt !== undefined && this.options.timer.now() - heardAt <= STALE_MS;
  }

  private async listPolicies(namespace: string): Promise<readonly SecurityGroupPolicy[]> {
    const { client, signal } = this.options;
    const list = await client.listIfServed(SECURITY_GROUP_POLICIES, { namespace }, signal);
    return list?.items.map(({ policy }) => policy) ?? [];
  }

  private async labelsOfServiceAccount(pod: Pod): Promise<Labels | undefined> {
    try {
      const key = `${pod.metadata.namespace}/${pod.serviceAccount}`;
      return (await this.serviceAccountOf.get(key)).metadata.labels;
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "missing") return undefined;
      throw error;
    }
  }

  /** From the API server, never from the cache: a yes gives the pod's VLAN id to another. */
  private async isGone(pod: AskedPodName): Promise<GoneAnswer> {
    try {
      return { answer: isAskedPod(await this.podOf.get(keyOf(pod)), pod) ? "exists" : "gone" };
    } catch (error) {
      if (this.options.signal.aborted) return wait("the agent is ending");
      if (!(error instanceof KubernetesError)) throw error;
      if (error.kind === "missing") return { answer: "gone" };
      return wait(`the API server does not say whether the pod is gone: ${error.message}`);
    }
  }

  /** A change of the pod from now on. */
  private whenChanged({ namespace, name }: AskedPodName): {
    readonly orAfter: (milliseconds: number) => Promise<void>;
    readonly forget: () => void;
  } {
    const { pods, timer, signal } = this.options;
    const either = new LinkedAbort(signal);
    const stop = pods.listen(({ object: { metadata } }) => {
      if (metadata.namespace === namespace && metadata.name === name)
        either.abort(new Error("it has changed"));
    });
    return {
      forget() {
        stop();
        either[Symbol.dispose]();
      },
      orAfter: (milliseconds) => pause(timer, milliseconds, either.signal),
    };
  }
}

function isNone({ selecting, undecided }: PodGroups): boolean {
  return selecting.length === 0 && undecided.length === 0;
}

function namesIn(key: string): { namespace: string; name: string } {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}

function gone(pod: AskedPodName): BranchAnswer {
  const which = pod.uid === "" ? "on this node" : `with UID ${pod.uid}`;
  return { answer: "refused", reason: `the API server has no pod ${keyOf(pod)} ${which}` };
}

function wait(reason: string): { readonly answer: "wait"; readonly reason: string } {
  return { answer: "wait", reason };
}
