import { join } from "node:path";
import type { Cache } from "../../kubernetes/cache.ts";
import type { PatchStep, Scope } from "../../kubernetes/client.ts";
import { KubernetesError } from "../../kubernetes/error.ts";
import { CNI_NODES, type CniNode } from "../../kubernetes/objects.ts";
import { messageOf } from "../../text/error-words.ts";
import type { AttachmentStore } from "../../state/store.ts";
import { LinkedAbort } from "../../sys/linked-abort.ts";
import type { Conditions } from "../conditions.ts";
import { removeList } from "../install/directory.ts";
import type { Executable } from "../install/executable.ts";
import type { AgentOptions } from "../options.ts";
import type { Reporter } from "../reporter.ts";
import { DAEMON_SETS, type DaemonSet } from "./daemon-set.ts";
import { MARK, markOf, settingPatch, withoutAnnotationPatch } from "./mark.ts";
import { REPORT, formatReport, type Report } from "./report.ts";

/**
 * The agent's half of uninstalling: an agent whose DaemonSet has the mark takes its list away, and its executable when no
 * pod needs it any more, and says so. Nothing else is the mark: a DaemonSet that is not there, a request that is refused
 * or gets no answer change nothing.
 */

/** How often it is looked whether the executable may go. */
const LOOK_MS = 2_000;
/** And how often once that takes long, or it has gone. */
const RECHECK_MS = 30_000;
/** After the list has gone: a call that read it before may still come, and write a record. */
const SETTLE_MS = 5_000;
/** After this, attachments are those of pods that live on. */
const DRAIN_MS = 600_000;
/** Longest wait, at the start, for whether there is a mark. */
const KNOWN_MS = 10_000;

export interface RemovalOptions extends Pick<
  AgentOptions,
  "client" | "daemonSet" | "nodeName" | "cniConfDir" | "listName" | "timer" | "log"
> {
  /** Of marked DaemonSets, by {@link markedScope}. */
  readonly daemonSets: Pick<Cache<DaemonSet>, "get" | "state" | "whenComplete"> | undefined;
  readonly cniNodes: Pick<Cache<CniNode>, "get">;
  readonly executable: Executable;
  readonly store: Pick<AttachmentStore, "keys">;
  readonly conditions: Pick<Conditions, "set">;
  readonly reporter: Pick<Reporter, "onNode">;
  /** ADDs that wait for an answer. */
  readonly openQuestions: () => number;
}

/** Which DaemonSets an agent watches: its own, while that has the mark. */
export function markedScope({ namespace, name }: { namespace: string; name: string }): Scope {
  return { namespace, fieldSelector: `metadata.name=${name}`, labelSelector: MARK };
}

export class Removal {
  private readonly options: RemovalOptions;
  private mark: string | undefined;
  /** Since when the list is not there, as far as we know. */
  private goneSince: number | undefined;
  private saidLast = "";
  /** The newest event's text. */
  private told = "";

  constructor(options: RemovalOptions) {
    this.options = options;
  }

  /**
   * Until it is known whether there is a mark, so that a started agent does not write anew what it was told to remove. An
   * API server that refuses, or does not answer in time, sets no mark.
   */
  async whenKnown(signal: AbortSignal): Promise<void> {
    const { daemonSets, timer, log } = this.options;
    if (daemonSets === undefined) return;
    using either = new LinkedAbort(signal);
    const known = daemonSets.whenComplete(either.signal).then(() => true);
    const late = timer.sleep(KNOWN_MS, either.signal).then(() => false);
    try {
      if (await Promise.race([known, late])) return;
      const why = daemonSets.state().problem?.message ?? "there was no answer";
      log("warn", `whether branchline is to be uninstalled is not known, so it is not: ${why}`);
    } finally {
      either.abort(new Error("it is over"));
      await Promise.allSettled([known, late]);
    }
  }

  /**
   * With the mark: removes what can be removed now, reports, and gives the milliseconds after which it is to be looked at
   * again. Undefined without the mark.
   */
  async proceed(signal: AbortSignal): Promise<number | undefined> {
    await this.readMark(signal);
    if (this.mark === undefined) {
      await this.withdraw(signal);
      return undefined;
    }
    const report = this.remove(this.mark, SETTLE_MS);
    this.tell(report);
    await this.report(report, signal);
    const isWaiting = report.executable === "kept" && this.sinceGone < DRAIN_MS;
    return isWaiting ? LOOK_MS : RECHECK_MS;
  }

  /** As the agent ends, with the mark: nobody will look at the executable again. */
  end(): void {
    if (this.mark !== undefined) this.remove(this.mark, 0);
  }

  private get sinceGone(): number {
    return this.goneSince === undefined ? 0 : this.options.timer.now() - this.goneSince;
  }

  /**
   * Sets or clears the mark by what the cache shows, once the API server itself has confirmed it. A DaemonSet that is not
   * there says nothing: after the mark, the agent may outlive it.
   */
  private async readMark(signal: AbortSignal): Promise<void> {
    const { client, daemonSet, daemonSets, log } = this.options;
    if (daemonSet === undefined || daemonSets?.state().isComplete !== true) return;
    const { namespace, name } = daemonSet;
    const what = `DaemonSet ${namespace}/${name}`;
    const seen = daemonSets.get(name, namespace);
    const mark = seen === undefined ? undefined : markOf(seen.metadata);
    if (seen !== undefined && mark === undefined)
      this.say(`the ${what} has a label ${MARK} whose value is no time, so it is no mark`);
    if (mark === this.mark) return;
    let found: DaemonSet;
    try {
      found = await client.get(DAEMON_SETS, daemonSet, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      return this.say(`whether branchline is to be uninstalled is as before: ${error.message}`);
    }
    // The cache is behind; it will show this too.
    if (markOf(found.metadata) !== mark) return;
    this.mark = mark;
    this.goneSince = undefined;
    if (mark === undefined) log("info", `the ${what} has no mark ${MARK} any more: installing again`);
    else log("warn", `the ${what} has the mark ${MARK} of ${mark}: uninstalling from this node`);
  }

  private remove(mark: string, settleMs: number): Report {
    const { cniConfDir, listName, executable, store, openQuestions, timer, log } = this.options;
    const report: Report = { mark, list: "kept", executable: "kept", attachments: 0, why: "" };
    const path = join(cniConfDir, listName);
    let attachments: number;
    try {
      const why = removeList(cniConfDir, listName);
      if (why !== undefined) {
        this.goneSince = undefined;
        return { ...report, why };
      }
      this.goneSince ??= timer.now();
      attachments = store.keys().length;
    } catch (error) {
      return { ...report, why: `${path}: ${messageOf(error)}` };
    }
    const gone = { ...report, list: "removed", attachments } as const;
    // Some runtimes call DEL by the list of ADD's time (CRI-O): without the executable such a pod could not end.
    if (attachments > 0) {
      return { ...gone, why: `${executable.path} stays until ${attachments} attached pods have ended` };
    }
    if (openQuestions() > 0 || this.sinceGone < settleMs)
      return { ...gone, why: "ADDs under way are waited for" };
    try {
      if (executable.isThere) {
        executable.remove();
        log("info", `removed ${executable.path}`);
      }
      return { ...gone, executable: "removed" };
    } catch (error) {
      return { ...gone, why: `${executable.path}: ${messageOf(error)}` };
    }
  }

  private tell({ mark, list, executable, why }: Report): void {
    const { cniConfDir, listName, conditions, reporter } = this.options;
    const words = `${join(cniConfDir, listName)} is ${list}, since the DaemonSet has the mark of ${mark}`;
    const message = why === "" ? words : `${words}; ${why}`;
    conditions.set("ListFirst", false, message);
    conditions.set("ExecutableInstalled", executable === "kept", this.options.executable.path);
    if (message !== this.told) reporter.onNode({ type: "Normal", reason: "Uninstalling", message });
    this.told = message;
  }

  private async report(report: Report, signal: AbortSignal): Promise<void> {
    const { cniNodes, nodeName } = this.options;
    const cniNode = cniNodes.get(nodeName);
    if (cniNode === undefined) return this.say(`there is no CNINode ${nodeName} to report on: ${report.why}`);
    const text = formatReport(report);
    if (cniNode.metadata.annotations[REPORT] === text) return;
    await this.patch(settingPatch(cniNode.metadata, "annotations", REPORT, text), signal);
  }

  /** Takes a report back that will not be true any more. */
  private async withdraw(signal: AbortSignal): Promise<void> {
    const { cniNodes, nodeName } = this.options;
    const cniNode = cniNodes.get(nodeName);
    if (cniNode === undefined || !(REPORT in cniNode.metadata.annotations)) return;
    await this.patch(withoutAnnotationPatch(cniNode.metadata, REPORT), signal);
  }

  /** What does not succeed is tried again at the next look: after a conflict the watch brings the newer version. */
  private async patch(steps: readonly PatchStep[], signal: AbortSignal): Promise<void> {
    const { client, nodeName } = this.options;
    try {
      await client.patch(CNI_NODES, { name: nodeName }, steps, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.kind !== "conflict" && error.kind !== "missing") this.say(error.message);
    }
  }

  /** Once, until something else is to be said. */
  private say(message: string): void {
    if (message === this.saidLast) return;
    this.saidLast = message;
    this.options.log("warn", message);
  }
}
