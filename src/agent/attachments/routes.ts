import type { Node } from "../../attachment/node.ts";
import { restore } from "../../attachment/restore.ts";
import type { Heard } from "../../netlink/route/link-monitor.ts";
import { type AttachmentKey, LockTimeoutError } from "../../state/store.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import { type Timer, pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import type { AgentOptions } from "../options.ts";

/** A trunk that went down and up again took the routes of its pods' branches: they are put back from the records. */

/** How often is looked whether a device came up. Twice this and the work itself are to be under two seconds. */
const LOOK_MS = 500;
/** Looks at a pod whose VLAN id is locked: an ADD may wait that long for its gateway. */
const TRIES = 120;
/** Until a monitor that failed is opened again. */
const MONITOR_MS = 30_000;

export interface RoutesOptions {
  readonly node: Node;
  readonly openMonitor: () => Disposable & { heard(): Heard };
  readonly timer: Timer;
  readonly log: AgentOptions["log"];
}

export class RouteKeeper {
  /** Pods whose routes were put back, since the agent started. */
  restored = 0;
  private readonly options: RoutesOptions;
  /** Looks that are left, by the attachment's text. */
  private readonly waiting = new Map<string, { readonly key: AttachmentKey; tries: number }>();

  constructor(options: RoutesOptions) {
    this.options = options;
  }

  /** Until the signal is aborted. Looks at all pods first: a trunk may have gone down while no agent ran. */
  async run(signal: AbortSignal): Promise<void> {
    const { timer, log, openMonitor } = this.options;
    while (!signal.aborted) {
      try {
        using monitor = openMonitor();
        this.add(() => true);
        await this.listen(monitor, signal);
      } catch (error) {
        log("warn", `what happens to the trunk is not noticed: ${messageOf(error)}`);
        await pause(timer, MONITOR_MS, signal);
      }
    }
  }

  private async listen(monitor: { heard(): Heard }, signal: AbortSignal): Promise<void> {
    const { timer } = this.options;
    while (!signal.aborted) {
      const { cameUp, isIncomplete } = monitor.heard();
      if (isIncomplete) this.add(() => true);
      else if (cameUp.size > 0) this.add(({ trunk }) => cameUp.has(trunk.index));
      for (const [text, entry] of this.waiting) {
        if (this.isDone(entry.key) || --entry.tries === 0) this.waiting.delete(text);
        // Others have a turn between two pods.
        await pause(timer, 0, signal);
      }
      await pause(timer, LOOK_MS, signal);
    }
  }

  private add(isWanted: (record: AttachmentRecord) => boolean): void {
    for (const record of this.options.node.store.mentioning([""])) {
      const { containerId, ifName } = record;
      if (!isWanted(record)) continue;
      this.waiting.set(`${containerId} ${ifName}`, { key: { containerId, ifName }, tries: TRIES });
    }
  }

  /** False while another call works on the VLAN id. */
  private isDone(key: AttachmentKey): boolean {
    const { node, log } = this.options;
    const { store } = node;
    try {
      const vlanId = store.find(key)?.vlanId;
      if (vlanId === undefined) return true;
      store.withVlan(vlanId, 0, () => {
        // Another call may have removed it while nobody held the lock.
        const record = store.find(key);
        if (record !== undefined) this.restore(record);
      });
      return true;
    } catch (error) {
      if (error instanceof LockTimeoutError) return false;
      log("error", `${nameOf(key)}: routes that its branch lost could not be put back: ${messageOf(error)}`);
      return true;
    }
  }

  private restore(record: AttachmentRecord): void {
    const found = restore(this.options.node, record);
    if (found.length === 0) return;
    this.restored += 1;
    const { pod, containerId, vlanId, trunk } = record;
    const who = pod.name === undefined ? `container ${containerId}` : `${pod.namespace}/${pod.name}`;
    this.options.log("warn", `${who}: its branch had lost ${found.length} routes, which are back`, {
      vlanId,
      trunk: trunk.name,
      first: found[0] ?? "",
    });
  }
}

function nameOf({ containerId, ifName }: AttachmentKey): string {
  return `container ${containerId}, ${ifName}`;
}
