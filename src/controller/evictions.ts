import { Cache, type CacheOptions } from "../kubernetes/cache.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import { EVENTS, type EventText } from "../kubernetes/events.ts";
import { fieldsOf, textOf } from "../kubernetes/fields.ts";
import { type KubernetesObject, readMetadata } from "../kubernetes/metadata.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { type Timer, pause } from "../sys/timer.ts";
import { messageOf } from "../text/error-words.ts";
import type { SeenPod } from "./objects.ts";
import { stateOf } from "./policies/tally.ts";

/** One eviction in so long: a policy that suddenly selects a thousand running pods must not end them all at once. */
const PACE_MS = 1_000;
/** A PodDisruptionBudget that forbids it is asked again after so long. */
const AGAIN_MS = 30_000;
/** UIDs that are remembered; the oldest are forgotten, and may be evicted again. */
const MAX_UIDS = 10_000;

/** Why a pod is to go, as its agent's event says it. */
type Reason = "BranchRefused" | "PodUnprotected";

interface AgentEvent extends KubernetesObject {
  readonly reason: Reason | undefined;
  readonly component: string;
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
}

const AGENT_EVENTS: Resource<AgentEvent> = {
  ...EVENTS,
  read(object) {
    const event = fieldsOf(object);
    const involved = fieldsOf(event["involvedObject"]);
    const reason = textOf(event["reason"]);
    return {
      metadata: { ...readMetadata(object), annotations: {}, labels: {} },
      reason: reason === "BranchRefused" || reason === "PodUnprotected" ? reason : undefined,
      component: textOf(fieldsOf(event["source"])["component"]) ?? "",
      pod: {
        namespace: textOf(involved["namespace"]) ?? "",
        name: textOf(involved["name"]) ?? "",
        uid: textOf(involved["uid"]) ?? "",
      },
    };
  },
};

export interface EvictionOptions {
  readonly client: KubernetesClient;
  readonly cache: Omit<CacheOptions<KubernetesObject>, "resource" | "scope">;
  readonly pods: Pick<Cache<SeenPod>, "get">;
  /** Policies select it and name groups. */
  readonly isSelected: (pod: SeenPod) => boolean;
  readonly refused: "evict" | "report";
  readonly escaped: "evict" | "report";
  readonly say: (pod: SeenPod, text: EventText) => void;
  readonly timer: Timer;
  readonly mayAct: () => boolean;
  readonly log: (level: "info" | "warn", message: string) => void;
}

/**
 * Ends pods that their agent has refused because nothing asks for their branch, or has found running without it: their
 * controllers make others, which pass admission. The agent's event is only the occasion. Whether the pod has to go is seen
 * in the pod and its policies, because whoever may write events must not be able to end pods.
 */
export class Evictions {
  private readonly options: EvictionOptions;
  private readonly caches: readonly Cache<AgentEvent>[];
  private readonly waiting = new Map<string, Reason>();
  /** They were refused, and are asked for again after a while: what their agents say meanwhile is nothing new. */
  private readonly refused = new Set<string>();
  private readonly over = new Set<string>();
  private woken = Promise.withResolvers<void>();
  count = 0;

  constructor(options: EvictionOptions) {
    this.options = options;
    this.caches = (["BranchRefused", "PodUnprotected"] as const).map((reason) => {
      const cache = new Cache<AgentEvent>({
        ...options.cache,
        resource: AGENT_EVENTS,
        scope: { fieldSelector: `reason=${reason}` },
      });
      cache.listen(({ type, object }) => {
        if (type !== "deleted") this.heard(object);
      });
      return cache;
    });
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.caches.map((cache) => cache.run(signal)), this.work(signal)]);
  }

  private heard({ reason, component, pod }: AgentEvent): void {
    if (reason === undefined || component !== "branchline-agent" || this.over.has(pod.uid)) return;
    const key = `${pod.namespace}/${pod.name} ${pod.uid}`;
    if (this.refused.has(key)) return;
    this.waiting.set(key, reason);
    this.woken.resolve();
  }

  private async work(signal: AbortSignal): Promise<void> {
    const { timer } = this.options;
    signal.addEventListener("abort", () => this.woken.resolve(), { once: true });
    while (!signal.aborted) {
      const [next] = this.waiting;
      if (next === undefined) {
        this.woken = Promise.withResolvers();
        await this.woken.promise;
        continue;
      }
      if (!this.options.mayAct()) {
        await pause(timer, PACE_MS, signal);
        continue;
      }
      const [key, reason] = next;
      this.waiting.delete(key);
      if (await this.end(key, reason, signal)) await pause(timer, PACE_MS, signal);
    }
  }

  /** Whether the API server was asked. */
  private async end(key: string, reason: Reason, signal: AbortSignal): Promise<boolean> {
    const { client, pods, timer, say, log } = this.options;
    const [name = "", uid = ""] = key.split(" ");
    const [namespace = "", podName = ""] = name.split("/");
    const pod = pods.get(podName, namespace);
    if (pod === undefined || pod.metadata.uid !== uid || !this.hasToGo(pod, reason)) return false;
    if (!pod.hasOwner) {
      this.remember(uid);
      say(pod, {
        type: "Warning",
        reason: "PodNotReplaced",
        message:
          "it has to be made anew to get its branch, and no controller would do that: delete it and create it again",
      });
      return false;
    }
    try {
      await client.evict({ namespace, name: podName, uid }, signal);
      this.remember(uid);
      this.count += 1;
      log("info", `pod ${name} evicted: ${reason}`);
      const message = `evicted, so that its successor asks for its branch: the agent's event ${reason} says why`;
      say(pod, { type: "Normal", reason: "PodEvicted", message });
    } catch (error) {
      if (signal.aborted) return true;
      if (error instanceof KubernetesError && (error.kind === "missing" || error.kind === "conflict"))
        return true;
      log("warn", `pod ${name} is not evicted: ${messageOf(error)}`);
      void this.later(key, reason, timer, signal);
    }
    return true;
  }

  private async later(key: string, reason: Reason, timer: Timer, signal: AbortSignal): Promise<void> {
    this.refused.add(key);
    await pause(timer, AGAIN_MS, signal);
    this.refused.delete(key);
    if (signal.aborted) return;
    this.waiting.set(key, reason);
    this.woken.resolve();
  }

  private hasToGo(pod: SeenPod, reason: Reason): boolean {
    const { refused, escaped, isSelected } = this.options;
    if (pod.isFinished || pod.metadata.deletionTimestamp !== undefined || pod.usesHostNetwork) return false;
    // One that asks for its branch and was refused for another reason would be refused again.
    if (reason === "BranchRefused") return refused === "evict" && !pod.wantsBranch && isSelected(pod);
    if (escaped !== "evict" || stateOf(pod) !== "uncovered") return false;
    return pod.wantsBranch || isSelected(pod);
  }

  private remember(uid: string): void {
    this.over.add(uid);
    const [oldest] = this.over.size > MAX_UIDS ? this.over : [];
    if (oldest !== undefined) this.over.delete(oldest);
  }
}
