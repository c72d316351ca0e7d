import { Cache } from "../kubernetes/cache.ts";
import { backOffMs } from "../kubernetes/back-off.ts";
import type { Scope } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import type { KubernetesObject } from "../kubernetes/metadata.ts";
import {
  CNI_NODES,
  NETWORK_POLICIES,
  NODES,
  PODS,
  SECURITY_GROUP_POLICIES,
  type CniNode,
  type NetworkPolicy,
  type Node,
  type Pod,
  type SecurityGroupPolicyObject,
} from "../kubernetes/objects.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { messageOf } from "../text/error-words.ts";
import { AttachmentStore } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { LinkedAbort } from "../sys/linked-abort.ts";
import { Answerer, STALE_MS } from "./answer/answerer.ts";
import { AgentSocket } from "./answer/socket.ts";
import { Changes } from "./changes.ts";
import { Conditions } from "./conditions.ts";
import { FEATURE, featurePatch } from "./feature.ts";
import { Executable } from "./install/executable.ts";
import { ListKeeper } from "./install/keeper.ts";
import { networkPoliciesOf } from "./network-policies.ts";
import type { AgentOptions } from "./options.ts";
import { Reporter } from "./reporter.ts";
import { Sweeper } from "./sweeper.ts";
import { watchTrunk } from "./trunk/watch.ts";

/**
 * The agent of a node. The order of what it does is a promise: the node declares that it can have branches only after the
 * list that asks for them stands, or EKS would bind pods to a node that starts them with the node's groups.
 */

/** All of it is looked at again so often, whatever was noticed. */
const RECHECK_MS = 30_000;

export class Agent {
  readonly conditions: Conditions;
  private readonly options: AgentOptions;
  private readonly executable: Executable;
  private readonly store: AttachmentStore;
  private readonly pods: Cache<Pod>;
  private readonly policies: Cache<SecurityGroupPolicyObject>;
  private readonly networkPolicies: Cache<NetworkPolicy>;
  private readonly cniNodes: Cache<CniNode>;
  private readonly nodes: Cache<Node>;
  private socket: AgentSocket | undefined;

  constructor(options: AgentOptions) {
    this.options = options;
    this.conditions = new Conditions((condition, { isTrue, why }) =>
      options.log(isTrue ? "info" : "warn", why, { condition, status: isTrue }),
    );
    this.executable = new Executable(options.executable, options.cniBinDir);
    this.store = new AttachmentStore(options.stateDirectory, systemClock);
    const own = { fieldSelector: `metadata.name=${options.nodeName}` };
    this.pods = this.cacheOf(PODS, { fieldSelector: `spec.nodeName=${options.nodeName}` });
    this.policies = this.cacheOf(SECURITY_GROUP_POLICIES, {});
    this.networkPolicies = this.cacheOf(NETWORK_POLICIES, {});
    this.cniNodes = this.cacheOf(CNI_NODES, own);
    this.nodes = this.cacheOf(NODES, own);
  }

  /** Runs until the signal is aborted; answers under way are finished, and everything on the node stays. */
  async run(outer: AbortSignal): Promise<void> {
    // Of this run: whatever ends it, ends all parts of it.
    using linked = new LinkedAbort(outer);
    const { signal } = linked;
    const { options, conditions, cniNodes, nodes } = this;
    const reporter = new Reporter(options, nodes, signal);
    const running: Promise<unknown>[] = [...this.needed(), cniNodes, nodes].map((cache) => cache.run(signal));
    try {
      await this.installFirst(signal);
      await this.whenComplete(signal);
      running.push(watchTrunk({ options, conditions, reporter, cniNodes, nodes }, signal));
      await this.keep(reporter, signal);
      options.log("info", "ending");
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      linked.abort(new Error("the agent is ending"));
      await this.socket?.[Symbol.asyncDispose]();
      await Promise.allSettled(running);
    }
  }

  /** Caches without which an answer could be wrong. */
  private needed(): readonly Pick<Cache<Pod>, "run" | "state" | "whenComplete">[] {
    const { pods, policies, networkPolicies } = this;
    return this.options.networkPolicies === "ignore" ? [pods, policies] : [pods, policies, networkPolicies];
  }

  private cacheOf<T extends KubernetesObject>(resource: Resource<T>, scope: Scope): Cache<T> {
    const { client, timer, random, log } = this.options;
    return new Cache({ client, resource, scope, timer, random, warn: (message) => log("warn", message) });
  }

  private async whenComplete(signal: AbortSignal): Promise<void> {
    const caches = this.needed();
    this.conditions.set("CachesComplete", false, "waiting for the API server's lists");
    const complete = Promise.all(caches.map((cache) => cache.whenComplete(signal))).then(() => true);
    for (;;) {
      const isLate = this.options.timer.sleep(1_000, signal).then(() => false);
      if (await Promise.race([complete, isLate])) break;
      const problems = caches.flatMap((cache) => cache.state().problem?.message ?? []);
      if (problems.length > 0) this.conditions.set("CachesComplete", false, problems.join("; "));
    }
    this.conditions.set("CachesComplete", true, "");
  }

  private openSocket(reporter: Reporter, signal: AbortSignal): Promise<AgentSocket> {
    const { client, stateDirectory, timer, unrequested, networkPolicies, log } = this.options;
    const { pods, policies } = this;
    const answerer = new Answerer({
      client,
      pods,
      policies,
      timer,
      networkPoliciesOf: (pod) => networkPoliciesOf(pod, networkPolicies, pods, this.networkPolicies),
      obstacle: () => this.obstacle(),
      unrequested,
      tell: (pod, reason, message) => reporter.onPod(pod, { type: "Warning", reason, message }),
      signal,
    });
    return AgentSocket.open({ stateDirectory, answer: (question) => answerer.answer(question), log });
  }

  /** Without a trunk no branch will come. */
  private obstacle(): string {
    const { isTrue, why } = this.conditions.get("TrunkFound");
    return isTrue ? "" : why;
  }

  /** Tries until the executable is there: without it the list would fail every pod. */
  private async installFirst(signal: AbortSignal): Promise<void> {
    const { timer, random } = this.options;
    for (let failures = 1; ; failures++) {
      this.checkExecutable();
      if (this.conditions.get("ExecutableInstalled").isTrue) return;
      await timer.sleep(backOffMs(failures, random), signal);
    }
  }

  /** Keeps executable and list right, and then declares the feature; rechecks at each change and now and then. */
  private async keep(reporter: Reporter, signal: AbortSignal): Promise<void> {
    const { timer, cniConfDir, primaryConfDir } = this.options;
    const { pods, policies, store } = this;
    const list = new ListKeeper(this.options, this.conditions, reporter);
    const sweeper = new Sweeper({ pods, policies, store }, reporter);
    const changes = new Changes(new Set([cniConfDir, primaryConfDir]), signal);
    const forget = this.cniNodes.listen(() => changes.notice());
    try {
      while (!signal.aborted) {
        changes.clear();
        await this.checkSocket(reporter, signal);
        this.checkCaches();
        this.checkExecutable();
        list.check();
        if (this.conditions.isReady) await this.declareFeature(signal);
        sweeper.check();
        await changes.wait(timer, RECHECK_MS);
      }
    } finally {
      forget();
      changes.close();
    }
  }

  /** Listens, and again when somebody has removed the socket. */
  private async checkSocket(reporter: Reporter, signal: AbortSignal): Promise<void> {
    const { stateDirectory, log } = this.options;
    try {
      if (this.socket?.isThere !== true) {
        if (this.socket !== undefined) log("warn", `${stateDirectory}/agent.sock was removed`);
        void this.socket?.[Symbol.asyncDispose]();
        this.socket = undefined;
        this.socket = await this.openSocket(reporter, signal);
      }
      this.conditions.set("SocketAnswers", true, `${stateDirectory}/agent.sock`);
    } catch (error) {
      this.conditions.set("SocketAnswers", false, messageOf(error));
    }
  }

  /** Complete caches are worth nothing once the API server has been silent, or refuses us. */
  private checkCaches(): void {
    const now = this.options.timer.now();
    const problems = this.needed().flatMap((cache) => {
      const { problem, heardAt = 0 } = cache.state();
      const isOld = now - heardAt > STALE_MS;
      return problem !== undefined && (isOld || problem.kind === "denied") ? [problem.message] : [];
    });
    this.conditions.set("CachesComplete", problems.length === 0, problems.join("; "));
  }

  private checkExecutable(): void {
    const { path } = this.executable;
    try {
      if (this.executable.install()) this.options.log("info", `installed ${path}`);
      this.conditions.set("ExecutableInstalled", true, path);
    } catch (error) {
      this.conditions.set("ExecutableInstalled", false, messageOf(error));
    }
  }

  private async declareFeature(signal: AbortSignal): Promise<void> {
    const { client, nodeName } = this.options;
    const cniNode = this.cniNodes.get(nodeName);
    if (cniNode === undefined) {
      const { problem } = this.cniNodes.state();
      this.conditions.set(
        "FeatureDeclared",
        false,
        problem?.message ?? `waiting for the CNINode ${nodeName}`,
      );
      return;
    }
    try {
      const patch = featurePatch(cniNode);
      if (patch !== undefined) await client.patch(CNI_NODES, { name: nodeName }, patch, signal);
      this.conditions.set("FeatureDeclared", true, `the CNINode ${nodeName} has ${FEATURE}`);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // The newer version comes by the watch; what else is wrong is said and tried again.
      if (error.kind !== "conflict") this.conditions.set("FeatureDeclared", false, error.message);
    }
  }
}
