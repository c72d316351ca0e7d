import { type FSWatcher, readFileSync, watch } from "node:fs";
import { basename } from "node:path";
import { Cache } from "../kubernetes/cache.ts";
import { backOffMs } from "../kubernetes/back-off.ts";
import type { KubernetesClient, Scope } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/error.ts";
import { Recorder, type EventText } from "../kubernetes/events.ts";
import { type KubernetesObject, keyOf } from "../kubernetes/metadata.ts";
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
import type { JsonObject } from "../text/json.ts";
import type { LogFields, LogLevel } from "../text/log-line.ts";
import { isTemporary } from "../sys/durable.ts";
import { errorCode } from "../sys/errno.ts";
import { AttachmentStore } from "../state/store.ts";
import { systemClock } from "../sys/clock.ts";
import { LinkedAbort } from "../sys/linked-abort.ts";
import { type Timer, pause } from "../sys/timer.ts";
import { Answerer, STALE_MS } from "./answer/answerer.ts";
import { AgentSocket } from "./answer/socket.ts";
import { attachedUids, vlanIdsOnNode } from "./attached.ts";
import { Conditions } from "./conditions.ts";
import { FEATURE, featurePatch } from "./feature.ts";
import { Executable } from "./install/executable.ts";
import { installList } from "./install/directory.ts";
import { type NetworkPolicyMode, networkPoliciesOf } from "./network-policies.ts";
import { findEscaped } from "./sweep.ts";
import { type Said, findTrunk } from "./trunk/find.ts";
import { recordTrunk } from "./trunk/record.ts";
import { askIntrospection, askMetadata } from "./trunk/sources.ts";

/**
 * The agent of a node. The order of what it does is a promise: the node declares that it can have branches only after the
 * list that asks for them stands, or EKS would bind pods to a node that starts them with the node's groups.
 */

/** All of it is looked at again so often, whatever was noticed. */
const RECHECK_MS = 30_000;
/** How often a trunk is looked for that has not been found. */
const TRUNK_MS = 5_000;
/** Writers of a list take some milliseconds; a half-written one is not valid. */
const SETTLE_MS = 100;
/** More repairs of the list in an hour are somebody else's writing. */
const REPAIRS = 5;
const HOUR_MS = 3_600_000;

export interface AgentOptions {
  readonly nodeName: string;
  readonly client: KubernetesClient;
  /** Our own executable, which becomes the plugin. */
  readonly executable: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Where the primary plugin writes its list; the same, or one that the runtime does not read. */
  readonly primaryConfDir: string;
  readonly stateDirectory: string;
  readonly listName: string;
  readonly primaryType: string;
  readonly entry: JsonObject;
  readonly unrequested: "refuse" | "allow";
  readonly networkPolicies: NetworkPolicyMode;
  readonly trunkInterface: string | undefined;
  readonly trunkMac: string | undefined;
  /** Of aws-node's introspection and instance metadata; absent: the usual ones. */
  readonly introspection?: string | undefined;
  readonly metadata?: string | undefined;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
  readonly log: (level: LogLevel, message: string, fields?: LogFields) => void;
}

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
  /** When the list was repaired, in the last hour. */
  private repairs: number[] = [];
  private hasWrittenList = false;
  private recorder: Recorder | undefined;
  private socket: AgentSocket | undefined;
  /** UIDs of the pods that were said to run without their branch. */
  private escaped: ReadonlySet<string> = new Set();

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
    const { client, nodeName, timer, wallClock, log } = this.options;
    const warn = (message: string) => log("warn", message);
    this.recorder = new Recorder({
      client,
      component: "branchline-agent",
      instance: nodeName,
      timer,
      wallClock,
      warn,
      signal,
    });
    const caches = this.needed();
    const running: Promise<unknown>[] = [...caches, this.cniNodes, this.nodes].map((cache) =>
      cache.run(signal),
    );
    try {
      await this.installFirst(signal);
      await this.whenComplete(signal);
      running.push(this.watchTrunk(signal));
      await this.keep(signal);
      log("info", "ending");
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

  private openSocket(signal: AbortSignal): Promise<AgentSocket> {
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
      tell: ({ metadata }, reason, message) =>
        this.recorder?.say({ apiVersion: "v1", kind: "Pod", metadata }, { type: "Warning", reason, message }),
      signal,
    });
    return AgentSocket.open({ stateDirectory, answer: (question) => answerer.answer(question), log });
  }

  /** An event on the node, once the API server has said what its UID is. */
  private tellNode(text: EventText): void {
    const node = this.nodes.get(this.options.nodeName);
    if (node !== undefined)
      this.recorder?.say({ apiVersion: "v1", kind: "Node", metadata: node.metadata }, text);
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
    const { timer } = this.options;
    const { cniConfDir, primaryConfDir } = this.options;
    const changes = new Changes(new Set([cniConfDir, primaryConfDir]), signal);
    const forget = this.cniNodes.listen(() => changes.notice());
    try {
      while (!signal.aborted) {
        changes.clear();
        await this.checkSocket(signal);
        this.checkCaches();
        this.checkExecutable();
        this.checkList();
        if (this.conditions.isReady) await this.declareFeature(signal);
        this.sweep();
        await changes.wait(timer, RECHECK_MS);
      }
    } finally {
      forget();
      changes.close();
    }
  }

  /** Listens, and again when somebody has removed the socket. */
  private async checkSocket(signal: AbortSignal): Promise<void> {
    const { stateDirectory, log } = this.options;
    try {
      if (this.socket?.isThere !== true) {
        if (this.socket !== undefined) log("warn", `${stateDirectory}/agent.sock was removed`);
        void this.socket?.[Symbol.asyncDispose]();
        this.socket = undefined;
        this.socket = await this.openSocket(signal);
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

  private checkList(): void {
    const { cniConfDir, primaryConfDir, listName, primaryType, entry, log } = this.options;
    try {
      const options = { ours: listName, primaryType, entry };
      const { plan, problem } = installList(cniConfDir, options, primaryConfDir);
      if (plan.action === "write") {
        log("info", `wrote ${cniConfDir}/${listName}: ${plan.why}`);
        if (this.hasWrittenList) this.repaired(plan.why);
        this.hasWrittenList = true;
      }
      this.conditions.set("ListFirst", problem === undefined, problem ?? `${cniConfDir}/${listName}`);
    } catch (error) {
      // Not the message: it has the temporary file's name, which is another each time.
      const why = errorCode(error) ?? messageOf(error);
      this.conditions.set("ListFirst", false, `Cannot write ${cniConfDir}/${listName}: ${why}`);
    }
  }

  private repaired(why: string): void {
    const { cniConfDir, listName } = this.options;
    this.tellNode({ type: "Normal", reason: "ListRepaired", message: `${cniConfDir}/${listName}: ${why}` });
    const now = this.options.timer.now();
    this.repairs = [...this.repairs.filter((at) => now - at < HOUR_MS), now];
    if (this.repairs.length <= REPAIRS) return;
    this.options.log(
      "warn",
      `the list was written ${this.repairs.length} times in the last hour (now because ${why}): somebody else writes ${this.options.cniConfDir} as well`,
    );
  }

  /** Says which pods run without their branch: they started while nobody was asked. */
  private sweep(): void {
    const { log } = this.options;
    try {
      const escaped = findEscaped({
        pods: this.pods.values(),
        policies: this.policies.values(),
        attached: attachedUids(this.store),
        vlanIds: vlanIdsOnNode(),
      });
      for (const { pod, why } of escaped) {
        const message = `it runs with the node's security groups instead of a branch of its own, though ${why}; delete it`;
        this.recorder?.say(
          { apiVersion: "v1", kind: "Pod", metadata: pod.metadata },
          { type: "Warning", reason: "PodUnprotected", message },
        );
        if (this.escaped.has(pod.metadata.uid)) continue;
        log("error", `pod ${keyOf(pod.metadata)}: ${message}`);
      }
      this.escaped = new Set(escaped.map(({ pod }) => pod.metadata.uid));
    } catch (error) {
      log("warn", `whether pods run without their branch is not known: ${messageOf(error)}`);
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

  private async watchTrunk(signal: AbortSignal): Promise<void> {
    const { timer, stateDirectory, log } = this.options;
    while (!signal.aborted) {
      let isFound = false;
      try {
        const said = await this.lookForTrunk();
        isFound = "found" in said;
        if ("problem" in said) {
          this.conditions.set("TrunkFound", false, said.problem);
          this.tellNode({ type: "Warning", reason: "TrunkMissing", message: said.problem });
        } else {
          const { eniId = "", mac } = said.found;
          const name = `${eniId} ${mac}`.trim();
          if (recordTrunk(stateDirectory, said.found)) {
            log("info", `the trunk is ${name}`);
            this.tellNode({ type: "Normal", reason: "TrunkFound", message: `the trunk is ${name}` });
          }
          this.conditions.set("TrunkFound", true, name);
        }
      } catch (error) {
        this.conditions.set("TrunkFound", false, messageOf(error));
      }
      await pause(timer, isFound ? RECHECK_MS : TRUNK_MS, signal);
    }
  }

  private async lookForTrunk() {
    const { nodeName, introspection, metadata } = this.options;
    const trunk = this.cniNodes.get(nodeName)?.trunk;
    const annotation = this.nodes.get(nodeName)?.metadata.annotations["branchline.dev/trunk"];
    const flag = this.trunkFlag();
    const [fromAwsNode, fromMetadata] =
      flag === undefined
        ? await Promise.all([askIntrospection(introspection), askMetadata(metadata)])
        : [{ problem: "" }, { problem: "" }];
    return findTrunk({
      flag,
      cniNode:
        trunk === undefined ? { problem: "the CNINode has no status.trunkInterface" } : { found: trunk },
      annotation:
        annotation === undefined
          ? { problem: "the node has no annotation branchline.dev/trunk" }
          : { found: annotation },
      introspection: fromAwsNode,
      metadata: fromMetadata,
    });
  }

  private trunkFlag(): Said<{ readonly mac: string }> | undefined {
    const { trunkMac, trunkInterface } = this.options;
    if (trunkMac !== undefined) return { found: { mac: trunkMac } };
    if (trunkInterface === undefined) return undefined;
    try {
      return { found: { mac: readFileSync(`/sys/class/net/${trunkInterface}/address`, "utf8").trim() } };
    } catch {
      return { problem: `--trunk-interface ${trunkInterface}: the node has no such interface` };
    }
  }
}

/** Changes of the configuration directories, and others that are noticed. */
class Changes {
  private readonly directories: ReadonlySet<string>;
  private readonly signal: AbortSignal;
  private wake = new AbortController();
  private readonly watchers = new Map<string, FSWatcher>();

  constructor(directories: ReadonlySet<string>, signal: AbortSignal) {
    this.directories = directories;
    this.signal = signal;
  }

  notice(): void {
    this.wake.abort();
  }

  /** Forgets what was noticed so far; changes from now on are. */
  clear(): void {
    this.wake = new AbortController();
    for (const directory of this.directories) this.watch(directory);
  }

  private watch(directory: string): void {
    if (this.watchers.has(directory)) return;
    const forget = () => {
      this.watchers.get(directory)?.close();
      this.watchers.delete(directory);
    };
    try {
      // A directory that goes away, and comes again as another one, is told by its own name.
      const watcher = watch(directory, (_event, name) => {
        if (name === basename(directory)) forget();
        // Our own half-done files: a write that fails would wake itself for ever.
        if (name === null || !isTemporary(name)) this.notice();
      });
      watcher.on("error", forget);
      this.watchers.set(directory, watcher);
    } catch {
      // Not there yet: the recheck will find it.
    }
  }

  /** Until something is noticed, and a moment for what comes with it, or the time is up. */
  async wait(timer: Timer, milliseconds: number): Promise<void> {
    // A directory that cannot be watched is looked at more often.
    const isWatched = this.watchers.size === this.directories.size;
    using either = new LinkedAbort(this.wake.signal, this.signal);
    await pause(timer, isWatched ? milliseconds : Math.min(milliseconds, 1_000), either.signal);
    if (either.signal.aborted) await pause(timer, SETTLE_MS, this.signal);
  }

  close(): void {
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }
}
