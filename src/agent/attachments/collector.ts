import { setImmediate } from "node:timers/promises";
import { detachRecord } from "../../attachment/detach.ts";
import { type Node, kernelFor, reopen } from "../../attachment/node.ts";
import { reviewStrict } from "../../attachment/strict.ts";
import type { Cache } from "../../kubernetes/cache.ts";
import type { Pod } from "../../kubernetes/objects.ts";
import { LockTimeoutError } from "../../state/store.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import { StrictFile } from "../../state/strict.ts";
import { pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import type { Conditions } from "../conditions.ts";
import type { AgentOptions } from "../options.ts";
import { type Seen, planCollection } from "./collection.ts";

/** Detaches what pods left behind whose DEL never came. */

const PASS_MS = 600_000;

export interface CollectorOptions {
  readonly node: Node;
  readonly pods: Pick<Cache<Pod>, "values">;
  /** Why the node's namespaces cannot be seen; undefined when they can. */
  readonly blindness: () => string | undefined;
  readonly conditions: Pick<Conditions, "set">;
  readonly timer: AgentOptions["timer"];
  readonly log: AgentOptions["log"];
}

export class Collector {
  /** Attachments detached since the agent started. */
  collected = 0;
  private readonly options: CollectorOptions;

  constructor(options: CollectorOptions) {
    this.options = options;
  }

  /** At once, and every ten minutes until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.pass();
      await pause(this.options.timer, PASS_MS, signal);
    }
  }

  async pass(): Promise<void> {
    const { node, pods, blindness, conditions, log } = this.options;
    try {
      const plan = planCollection(await this.look(), pods.values(), blindness());
      if ("blind" in plan) {
        conditions.set("NamespacesVisible", false, `${plan.blind}; nothing is collected`);
        return;
      }
      conditions.set("NamespacesVisible", true, "");
      for (const record of plan.collect) {
        this.collect(record);
        await setImmediate();
      }
      if (plan.collect.length > 0) reviewNode(node);
    } catch (error) {
      log("warn", `what dead pods left could not be collected: ${messageOf(error)}`);
    }
  }

  /** Each record with whether its namespace is there. */
  private async look(): Promise<readonly Seen[]> {
    const { node } = this.options;
    const seen: Seen[] = [];
    for (const record of node.store.mentioning([""])) {
      seen.push({ record, isThere: isThere(node, record) });
      // Without a path all processes are looked through; others have a turn between two.
      await setImmediate();
    }
    return seen;
  }

  private collect({ vlanId, containerId, ifName, pod }: AttachmentRecord): void {
    const { node, log } = this.options;
    const who = `${pod.namespace ?? "?"}/${pod.name ?? "?"}, container ${containerId}`;
    try {
      node.store.withVlan(vlanId, 0, () => {
        const record = node.store.find({ containerId, ifName });
        // DEL may have come meanwhile, or the VLAN id have another owner.
        if (record === undefined || isThere(node, record)) return;
        detachRecord(node, record);
        this.collected += 1;
        log("info", `detached what ${who} left: its network namespace is gone`, { vlanId });
      });
    } catch (error) {
      // Somebody works on it at this moment.
      if (error instanceof LockTimeoutError) return;
      log("warn", `what ${who} left could not be detached: ${messageOf(error)}`, { vlanId });
    }
  }
}

function isThere(node: Node, record: AttachmentRecord): boolean {
  using namespace = reopen(node, record);
  return namespace !== undefined;
}

/** The last strict pod may be among what was detached. */
function reviewNode(node: Node): void {
  if (!new StrictFile(node.store.stateDirectory).exists()) return;
  using kernel = kernelFor(node, undefined);
  reviewStrict(node, kernel);
}
