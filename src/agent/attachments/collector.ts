import { setImmediate } from "node:timers/promises";
import { detachRecord } from "../../attachment/detach.ts";
import { type Node, kernelFor, reopen } from "../../attachment/node.ts";
import { reviewStrict } from "../../attachment/strict.ts";
import type { Cache } from "../../kubernetes/cache.ts";
import type { Pod } from "../../kubernetes/objects.ts";
import { LockTimeoutError } from "../../state/store.ts";
import { pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import type { Conditions } from "../conditions.ts";
import type { AgentOptions } from "../options.ts";
import { type Seen, planCollection } from "./collection.ts";
import type { Known, KnownAttachments } from "./known.ts";
import type { Sight } from "./sight.ts";

/** Detaches what pods left behind whose DEL never came. */

const PASS_MS = 600_000;
/** After a pass that could not see everything: a sandbox may just be made anew. */
const AGAIN_MS = 30_000;

export interface CollectorOptions {
  readonly node: Node;
  readonly attachments: Pick<KnownAttachments, "all">;
  readonly pods: Pick<Cache<Pod>, "values">;
  readonly look: () => Sight;
  /** Called after each error: see Home. */
  readonly checkHome: () => void;
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
      const hasSeen = await this.pass();
      await pause(this.options.timer, hasSeen ? PASS_MS : AGAIN_MS, signal);
    }
  }

  /** False when it could not see everything. */
  async pass(): Promise<boolean> {
    const { conditions, checkHome } = this.options;
    const blind = (why: string) => {
      conditions.set("NamespacesVisible", false, `${why}; nothing is collected`);
      return false;
    };
    try {
      const seen = await this.look();
      const plan = "blind" in seen ? seen : planCollection(seen.records, this.options.pods.values());
      if ("blind" in plan) return blind(plan.blind);
      conditions.set("NamespacesVisible", true, "");
      for (const record of plan.collect) {
        this.collect(record);
        await setImmediate();
      }
      if (plan.collect.length > 0) reviewNode(this.options.node);
      return true;
    } catch (error) {
      checkHome();
      return blind(messageOf(error));
    }
  }

  /** Each record with whether its namespace is there. */
  private async look(): Promise<{ readonly records: readonly Seen[] } | { readonly blind: string }> {
    const { node, attachments } = this.options;
    const sight = this.options.look();
    if ("blind" in sight) return sight;
    const records: Seen[] = [];
    for (const record of attachments.all()) {
      const { path, identity } = record.namespace;
      if (sight.hidden.has(identity)) {
        const lacks = "the agent needs mountPropagation HostToContainer for its directory";
        return {
          blind: `the network namespace ${path} is mounted where the agent does not see it: ${lacks}`,
        };
      }
      // Whose number is not there is gone. Whose number is may be another by now, which takes a closer look.
      const isThere = sight.identities.has(identity) && isOpen(node, record);
      records.push({ record, isThere });
      // Others have a turn between two.
      await setImmediate();
    }
    return { records };
  }

  private collect({ vlanId, containerId, ifName, pod, mode }: Known): void {
    const { node, log, checkHome } = this.options;
    const who = `${pod.namespace ?? "?"}/${pod.name ?? "?"}, container ${containerId}`;
    try {
      node.store.withVlan(vlanId, 0, () => {
        const record = node.store.find({ containerId, ifName });
        // DEL may have come meanwhile, or the VLAN id have another owner.
        if (record === undefined || isOpen(node, record)) return;
        // Detaching waits for this lock, and all of the agent with it.
        if (mode === "strict") node.store.withNode(0, () => undefined);
        detachRecord(node, record);
        this.collected += 1;
        log("info", `detached what ${who} left: its network namespace is gone`, { vlanId });
      });
    } catch (error) {
      checkHome();
      const level = error instanceof LockTimeoutError ? "info" : "warn";
      log(level, `what ${who} left is not detached: ${messageOf(error)}`, { vlanId });
    }
  }
}

function isOpen(node: Node, record: Known): boolean {
  using namespace = reopen(node, record);
  return namespace !== undefined;
}

/** The last strict pod may be among what was detached. */
function reviewNode(node: Node): void {
  using kernel = kernelFor(node, undefined);
  reviewStrict(node, kernel);
}
