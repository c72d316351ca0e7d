import { backOffMs } from "../../kubernetes/back-off.ts";
import { Cache } from "../../kubernetes/cache.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { keyOf, type KubernetesObject } from "../../kubernetes/metadata.ts";
import { CNI_NODES, POD_ENI, type CniNode } from "../../kubernetes/objects.ts";
import type { Resource } from "../../kubernetes/resource.ts";
import { LinkedAbort } from "../../sys/linked-abort.ts";
import type { Timer } from "../../sys/timer.ts";
import { AGENT_PODS, DAEMON_SETS, type AgentPod, type DaemonSet } from "./daemon-set.ts";
import { BINDINGS, GUARD, GUARD_BINDING, GUARD_POLICY, POLICIES } from "./guard.ts";
import { MARK, markAt, markOf, settingPatch } from "./mark.ts";
import { lineOf, progressOf, type Progress } from "./progress.ts";
import { STARTING_PODS, needsUs } from "./starting-pods.ts";

/**
 * Uninstalling, for the whole cluster. Each step is one that may be done again, so it can be killed anywhere and run again:
 * the guard, then no pod that is about to ask for a branch, then the mark, then every node's report.
 */

/** Between two looks at what is waited for. */
const LOOK_MS = 1_000;
/** For a new guard to act: each API server reads policies by a watch of its own. */
const GUARD_MS = 3_000;
/** A line that says the same again comes so often. */
const AGAIN_MS = 30_000;
/** Pods that a line names. */
const NAMES = 10;

export interface UninstallOptions {
  readonly client: KubernetesClient;
  readonly daemonSet: { readonly namespace: string; readonly name: string };
  /** Our list and our executable on each node, for people. */
  readonly list: string;
  readonly executable: string;
  readonly timeoutMs: number;
  readonly timer: Timer;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: () => number;
  /** A line of progress. */
  readonly say: (line: string) => void;
}

/** It did not come to its end. The message says what is left, and what a person can do. */
export class UninstallError extends Error {
  override name = "UninstallError";
}

/** Resolved when no node has our list. UninstallError, or a KubernetesError that waiting does not help against. */
export async function uninstall(options: UninstallOptions, outer: AbortSignal): Promise<void> {
  using linked = new LinkedAbort(outer);
  const { signal } = linked;
  const seconds = options.timeoutMs / 1000;
  const limit = options.timer.sleep(options.timeoutMs, signal).then(
    () => linked.abort(new UninstallError(`after ${seconds} s`)),
    () => undefined,
  );
  const run = new Run(options, signal);
  try {
    await run.run();
  } catch (error) {
    if (!signal.aborted) throw error;
    const why = outer.aborted ? "interrupted" : `after ${seconds} s`;
    throw new UninstallError(`${why}, ${run.unfinished()}`, { cause: error });
  } finally {
    linked.abort(new Error("it is over"));
    await limit;
    await run.ended();
  }
}

class Run {
  private readonly options: UninstallOptions;
  private readonly signal: AbortSignal;
  private readonly running: Promise<void>[] = [];
  private said = { line: "", at: 0 };
  /** What is to be said when it ends here. */
  unfinished: () => string = () => "the API server has not answered; nothing has been changed";

  constructor(options: UninstallOptions, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
  }

  async ended(): Promise<void> {
    await Promise.allSettled(this.running);
  }

  async run(): Promise<void> {
    await this.daemonSet();
    await this.raiseGuard();
    await this.untilNoneStarts();
    const { mark, daemonSet } = await this.setMark();
    this.sayLeftovers(await this.untilReported(mark, daemonSet));
  }

  private async daemonSet(): Promise<DaemonSet> {
    const { client, daemonSet, list } = this.options;
    try {
      return await this.persist(() => client.get(DAEMON_SETS, daemonSet, this.signal));
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== "missing") throw error;
      throw new UninstallError(
        `there is no DaemonSet ${daemonSet.namespace}/${daemonSet.name}: name the agent's with --daemon-set; if that has been deleted, its agents have left everything in place: remove ${list} from each node by hand`,
        { cause: error },
      );
    }
  }

  private async raiseGuard(): Promise<void> {
    this.unfinished = () => "the guard is not there yet; on the nodes nothing has been changed";
    const isNew = [await this.put(POLICIES, GUARD_POLICY), await this.put(BINDINGS, GUARD_BINDING)];
    this.say(
      `the ValidatingAdmissionPolicy ${GUARD} is in place: new pods that ask for ${POD_ENI} are denied`,
    );
    if (isNew.includes(true)) await this.options.timer.sleep(GUARD_MS, this.signal);
  }

  /** Whether it was not there. */
  private put(
    resource: Resource<KubernetesObject>,
    object: { readonly metadata: { readonly name: string } },
  ): Promise<boolean> {
    const { client } = this.options;
    return this.persist(async () => {
      try {
        await client.create(resource, undefined, object, this.signal);
        return true;
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        if (error.kind === "missing") {
          throw new UninstallError(
            `the API server has no ${resource.kind} (Kubernetes 1.30 and newer have): ${error.message}`,
            { cause: error },
          );
        }
        if (error.reason !== "AlreadyExists") throw error;
      }
      const { name } = object.metadata;
      const { resourceVersion } = (await client.get(resource, { name }, this.signal)).metadata;
      const newer = { ...object, metadata: { name, resourceVersion } };
      await client.replace(resource, { name }, newer, this.signal);
      return false;
    });
  }

  /** A pod that was admitted before the guard would start without us once the list is gone. */
  private async untilNoneStarts(): Promise<void> {
    const { client, timer } = this.options;
    let names: readonly string[] = [];
    this.unfinished = () =>
      `pods that ask for a branch have not started: ${listed(names)}. Without branchline they would start with their node's security groups: let them start, or delete them and run this again. On the nodes nothing has been changed`;
    for (;;) {
      const { items } = await this.persist(() =>
        client.list(STARTING_PODS, { fieldSelector: "status.phase=Pending" }, this.signal),
      );
      names = items.filter(needsUs).map(({ metadata }) => keyOf(metadata));
      if (names.length === 0) return;
      this.say(`waiting for pods that ask for a branch and have not started: ${listed(names)}`);
      await timer.sleep(LOOK_MS, this.signal);
    }
  }

  private async setMark(): Promise<{ readonly mark: string; readonly daemonSet: DaemonSet }> {
    const { client, wallClock } = this.options;
    this.unfinished = () => "the DaemonSet is not marked yet; on the nodes nothing has been changed";
    return this.persist(async () => {
      const daemonSet = await this.daemonSet();
      const before = markOf(daemonSet.metadata);
      const mark = before ?? markAt(wallClock());
      if (before === undefined) {
        const steps = settingPatch(daemonSet.metadata, "labels", MARK, mark);
        await client.patch(DAEMON_SETS, this.options.daemonSet, steps, this.signal);
      }
      this.say(
        `the DaemonSet ${keyOf(daemonSet.metadata)} has the mark ${MARK}=${mark}: its agents remove the list`,
      );
      return { mark, daemonSet };
    });
  }

  private async untilReported(mark: string, { metadata, matchLabels }: DaemonSet): Promise<Progress> {
    const labelSelector = Object.entries(matchLabels)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const pods = this.cacheOf(AGENT_PODS, { namespace: metadata.namespace, labelSelector });
    const cniNodes = this.cacheOf(CNI_NODES, {});
    let progress: Progress | undefined;
    this.unfinished = () => this.notReported(progress);
    for (;;) {
      const daemonSet = await this.daemonSet();
      if (markOf(daemonSet.metadata) !== mark) {
        throw new UninstallError(
          `the DaemonSet ${keyOf(metadata)} has been made anew, or somebody has taken its mark away: its agents install again. Run this again when that is settled`,
        );
      }
      if (this.areComplete(pods, cniNodes)) {
        progress = progressOf({ daemonSet, pods: pods.values(), cniNodes: cniNodes.values() }, mark);
        this.say(lineOf(progress));
        if (progress.isDone) return progress;
      }
      await this.options.timer.sleep(LOOK_MS, this.signal);
    }
  }

  private cacheOf<T extends AgentPod | CniNode>(
    resource: Resource<T>,
    scope: { namespace?: string; labelSelector?: string },
  ): Cache<T> {
    const { client, timer, random } = this.options;
    const warn = (message: string) => this.say(message);
    const cache = new Cache({ client, resource, scope, timer, random, warn });
    this.running.push(cache.run(this.signal));
    return cache;
  }

  /** KubernetesError when the API server refuses one of them. */
  private areComplete(...caches: readonly Pick<Cache<AgentPod>, "state">[]): boolean {
    const states = caches.map((cache) => cache.state());
    const denied = states.find(({ problem }) => problem?.kind === "denied")?.problem;
    if (denied !== undefined) throw denied;
    return states.every(({ isComplete }) => isComplete);
  }

  private notReported(progress: Progress | undefined): string {
    const { list, executable } = this.options;
    if (progress === undefined) return "it is not known what the nodes report; run this again";
    const left = progress.nodes.filter(({ isListRemoved }) => !isListRemoved);
    const lines = left.map(({ node, why }) => `  ${node}: ${why}`);
    if (progress.unknown > 0) lines.push(`  ${progress.unknown} nodes that have no agent's pod`);
    return [
      `the list is not known to be removed from these nodes:`,
      ...lines,
      `Put the reason right and run this again; or, on each of them, remove ${list} and then ${executable} by hand.`,
    ].join("\n");
  }

  private sayLeftovers({ nodes }: Progress): void {
    for (const { node, attachments, isExecutableThere, why } of nodes) {
      const pods = attachments > 0 ? `${attachments} attached pods keep their branches. ` : "";
      if (pods !== "" || isExecutableThere) this.say(`  left on ${node}: ${pods}${why}`);
    }
    this.say(
      `the guard stays until: kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy ${GUARD}`,
    );
  }

  /** Repeats a request as long as that may help. */
  private async persist<T>(request: () => Promise<T>): Promise<T> {
    const { timer, random } = this.options;
    for (let failures = 1; ; failures++) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        if (error.kind !== "retry" && error.kind !== "conflict" && error.kind !== "expired") throw error;
        this.say(error.message);
        await timer.sleep(Math.max(error.retryAfterMs, backOffMs(failures, random)), this.signal);
      }
    }
  }

  private say(line: string): void {
    const now = this.options.timer.now();
    if (line === this.said.line && now - this.said.at < AGAIN_MS) return;
    this.said = { line, at: now };
    this.options.say(line);
  }
}

function listed(names: readonly string[]): string {
  const more = names.length > NAMES ? [`${names.length - NAMES} more`] : [];
  return [...names.slice(0, NAMES), ...more].join(", ");
}
