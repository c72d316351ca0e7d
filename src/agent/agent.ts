import { isAbsolute } from "node:path";
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
import type { Change } from "../kubernetes/store.ts";
import { DEFAULT_LOG_FILE } from "../cni/config.ts";
import { messageOf } from "../text/error-words.ts";
import { quote } from "../text/json.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { NetworkPolicies } from "./answer/decide.ts";
import { AttachmentStore } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { LinkedAbort } from "../sys/linked-abort.ts";
import { LinkMonitor } from "../netlink/route/link-monitor.ts";
import type { Node as OwnNode } from "../attachment/node.ts";
import type { BranchAnswer, GoneAnswer } from "../state/answer.ts";
import type { Question } from "../state/question.ts";
import { Answerer, STALE_MS } from "./answer/answerer.ts";
import { AgentSocket } from "./answer/socket.ts";
import { Collector } from "./attachments/collector.ts";
import { Home } from "./attachments/home.ts";
import { KnownAttachments } from "./attachments/known.ts";
import { RouteKeeper } from "./attachments/routes.ts";
import { look } from "./attachments/sight.ts";
import { AccountLabels } from "./account-labels.ts";
import { Changes } from "./changes.ts";
import { Conditions } from "./conditions.ts";
import { FEATURE, featurePatch } from "./feature.ts";
import { type AgentMetrics, agentMetrics } from "./figures.ts";
import { Executable } from "./install/executable.ts";
import { ListKeeper } from "./install/keeper.ts";
import { rotate } from "./log-rotation.ts";
import { networkPoliciesOf } from "./network-policies.ts";
import type { AgentOptions } from "./options.ts";
import { Reporter } from "./reporter.ts";
import { hasRun } from "./sweep.ts";
import { Sweeper } from "./sweeper.ts";
import { watchTrunk } from "./trunk/watch.ts";
import { UnenforcedPolicies } from "./unenforced.ts";
import { DAEMON_SETS, type DaemonSet } from "./uninstall/daemon-set.ts";
import { Removal, markedScope } from "./uninstall/removal.ts";
import { whileWaiting } from "./while-waiting.ts";

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
  private readonly pods: Cache<Pod>;
  private readonly policies: Cache<SecurityGroupPolicyObject>;
  private readonly networkPolicies: Cache<NetworkPolicy>;
  private readonly cniNodes: Cache<CniNode>;
  private readonly nodes: Cache<Node>;
  private readonly daemonSets: Cache<DaemonSet> | undefined;
  private readonly reporter: Reporter;
  private readonly answerer: Answerer;
  private readonly list: ListKeeper;
  private readonly removal: Removal;
  private readonly sweeper: Sweeper;
  private readonly routes: RouteKeeper;
  private readonly collector: Collector;
  private readonly unenforced: UnenforcedPolicies;
  private readonly figures: AgentMetrics;
  /** Whatever ends the agent, ends all its parts. */
  private readonly ending: LinkedAbort;
  private socket: AgentSocket | undefined;

  /** `outer` ends it. */
  constructor(options: AgentOptions, outer: AbortSignal) {
    const { nodeName, stateDirectory, cniBinDir, timer, log } = options;
    this.options = options;
    this.ending = new LinkedAbort(outer);
    this.conditions = new Conditions((condition, { isTrue, why }) =>
      log(isTrue ? "info" : "warn", why, { condition, status: isTrue }),
    );
    const { conditions } = this;
    this.executable = new Executable(options.executable, cniBinDir);
    const store = new AttachmentStore(stateDirectory, systemClock);
    const node: OwnNode = { store, clock: systemClock };
    const own = { fieldSelector: `metadata.name=${nodeName}` };
    const pods = this.cacheOf(PODS, { fieldSelector: `spec.nodeName=${nodeName}` });
    const policies = this.cacheOf(SECURITY_GROUP_POLICIES, {});
    this.networkPolicies = this.cacheOf(NETWORK_POLICIES, {});
    this.cniNodes = this.cacheOf(CNI_NODES, own);
    this.nodes = this.cacheOf(NODES, own);
    this.pods = pods;
    this.policies = policies;
    const reporter = new Reporter(options, this.nodes, this.ending.signal);
    this.reporter = reporter;
    this.answerer = this.makeAnswerer();
    this.list = new ListKeeper(options, conditions, reporter);
    const attachments = new KnownAttachments(store);
    const checkHome = new Home((why) => {
      log("error", why);
      process.exit(1);
    }).check;
    const { daemonSet } = options;
    this.daemonSets = daemonSet && this.cacheOf(DAEMON_SETS, markedScope(daemonSet));
    const { executable, cniNodes, daemonSets } = this;
    const openQuestions = () => this.socket?.openConnections ?? 0;
    const around = { conditions, reporter, daemonSets, cniNodes, executable, store, openQuestions };
    this.removal = new Removal({ ...options, ...around });
    const accounts = new AccountLabels(options.client, timer, this.ending.signal);
    this.sweeper = new Sweeper({ pods, policies, attachments, accounts }, reporter);
    const openMonitor = () => new LinkMonitor();
    this.routes = new RouteKeeper({ node, attachments, openMonitor, checkHome, timer, log });
    this.collector = new Collector({ node, attachments, pods, look, checkHome, conditions, timer, log });
    this.unenforced = new UnenforcedPolicies({
      pods,
      policies: this.networkPolicies,
      attachments,
      networkPoliciesOf: (pod) => this.networkPoliciesOf(pod),
      reporter,
      timer,
    });
    const sources = {
      version: options.version,
      conditions,
      caches: () => this.caches().map((cache) => [cache.plural, cache.state()] as const),
      now: () => timer.now(),
      attachments: () => attachments.count,
      escaped: () => this.sweeper.count,
      unenforced: () => this.unenforced.count,
      repairs: () => this.list.repairs,
      restored: () => this.routes.restored,
      collected: () => this.collector.collected,
    };
    this.figures = agentMetrics(sources, (message) => log("warn", message));
  }

  get metrics(): Metrics {
    return this.figures.metrics;
  }

  /** Runs once, until it is ended; answers under way are finished, and everything on the node stays. */
  async run(): Promise<void> {
    const { signal } = this.ending;
    const { options, conditions, reporter, cniNodes, nodes } = this;
    const running: Promise<unknown>[] = this.caches().map((cache) =>
      cache === this.policies ? this.runPolicies(signal) : cache.run(signal),
    );
    // Needs no API server.
    running.push(this.routes.run(signal));
    try {
      await this.installFirst(signal);
      await this.whenComplete(signal);
      await this.removal.whenKnown(signal);
      running.push(
        watchTrunk({ options, conditions, reporter, cniNodes, nodes }, signal),
        this.collector.run(signal),
        this.unenforced.run(signal),
      );
      await this.keep(signal);
      options.log("info", "ending");
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.ending.abort(new Error("the agent is ending"));
      await this.socket?.[Symbol.asyncDispose]();
      await Promise.allSettled(running);
      this.removal.end();
      this.ending[Symbol.dispose]();
    }
  }

  /** The list of policies comes after that of pods: so it has all that are older than these. */
  private async runPolicies(signal: AbortSignal): Promise<void> {
    try {
      await this.pods.whenComplete(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    await this.policies.run(signal);
  }

  private caches(): readonly Pick<Cache<Pod>, "run" | "state" | "plural">[] {
    const marked = this.daemonSets === undefined ? [] : [this.daemonSets];
    return [...this.needed(), this.cniNodes, this.nodes, ...marked];
  }

  private networkPoliciesOf(pod: Pod): NetworkPolicies {
    return networkPoliciesOf(pod, this.options.networkPolicies, this.pods, this.networkPolicies);
  }

  /** Caches without which an answer could be wrong. */
  private needed(): readonly Pick<Cache<Pod>, "run" | "state" | "plural" | "whenComplete">[] {
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
    const complete = Promise.all(caches.map((cache) => cache.whenComplete(signal)));
    await whileWaiting(complete, this.options.timer, signal, () => {
      const problems = caches.flatMap((cache) => cache.state().problem?.message ?? []);
      if (problems.length > 0) this.conditions.set("CachesComplete", false, problems.join("; "));
    });
    this.conditions.set("CachesComplete", true, "");
  }

  private makeAnswerer(): Answerer {
    const { client, nodeName, timer, unrequested } = this.options;
    const { pods, policies } = this;
    return new Answerer({
      client,
      nodeName,
      pods,
      policies,
      timer,
      networkPoliciesOf: (pod) => this.networkPoliciesOf(pod),
      obstacle: () => this.obstacle(),
      unrequested,
      tell: (pod, reason, message) => this.reporter.onPod(pod, { type: "Warning", reason, message }),
      signal: this.ending.signal,
    });
  }

  private openSocket(): Promise<AgentSocket> {
    const { stateDirectory, timer, log } = this.options;
    const answer = async (question: Question): Promise<BranchAnswer | GoneAnswer> => {
      const asked = timer.now();
      const given = await this.answerer.answer(question);
      this.figures.answered(given.answer, (timer.now() - asked) / 1000);
      return given;
    };
    return AgentSocket.open({ stateDirectory, answer, log });
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
  private async keep(signal: AbortSignal): Promise<void> {
    const { timer, cniConfDir, primaryConfDir } = this.options;
    const changes = new Changes(new Set([cniConfDir, primaryConfDir]), signal);
    const notice = () => changes.notice();
    const forget = [
      this.cniNodes.listen(notice),
      this.daemonSets?.listen(notice),
      // A pod that started without us runs only a moment later, and a policy before it may come to the cache after it.
      this.pods.listen((change) => {
        if (hasStarted(change)) notice();
      }),
      this.policies.listen(({ type }) => {
        if (type === "added") notice();
      }),
    ];
    try {
      while (!signal.aborted) {
        changes.clear();
        await this.checkSocket();
        this.checkCaches();
        const againMs = await this.removal.proceed(signal);
        if (againMs === undefined) {
          this.checkExecutable();
          this.list.check();
          if (this.conditions.isReady) await this.declareFeature(signal);
        } else this.list.forget();
        this.sweeper.check(notice);
        this.rotateLog();
        await changes.wait(timer, againMs ?? RECHECK_MS);
      }
    } finally {
      for (const one of forget) one?.();
      changes.close();
    }
  }

  private rotateLog(): void {
    const { entry, log } = this.options;
    const file = entry["pluginLogFile"] ?? DEFAULT_LOG_FILE;
    try {
      // It may be the word stderr.
      if (typeof file === "string" && isAbsolute(file) && rotate(file)) log("info", `rotated ${file}`);
    } catch (error) {
      log("warn", `cannot rotate ${quote(file)}: ${messageOf(error)}`);
    }
  }

  /** Listens, and again when somebody has removed the socket. */
  private async checkSocket(): Promise<void> {
    const { stateDirectory, log } = this.options;
    try {
      if (this.socket?.isThere !== true) {
        if (this.socket !== undefined) log("warn", `${stateDirectory}/agent.sock was removed`);
        void this.socket?.[Symbol.asyncDispose]();
        this.socket = undefined;
        this.socket = await this.openSocket();
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

/** A pod runs that did not, as far as was known; or it runs anew, as after a reboot. */
function hasStarted(change: Change<Pod>): boolean {
  if (change.type === "deleted" || !hasRun(change.object)) return false;
  if (change.type === "added" || !hasRun(change.before)) return true;
  return change.before.startedAt !== change.object.startedAt;
}
