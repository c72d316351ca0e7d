import type { Node } from "../../attachment/node.ts";
import { restore } from "../../attachment/restore.ts";
import type { Heard } from "../../netlink/route/link-monitor.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import { LockTimeoutError } from "../../state/store.ts";
import { type Timer, pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import type { AgentOptions } from "../options.ts";
import type { Known, KnownAttachments } from "./known.ts";

/** A trunk that went down and up again took the routes of its pods' branches: they are put back from the records. */

/** How often is looked whether a device came up. */
const LOOK_MS = 500;
/** Looks at a pod whose VLAN id is locked: three and a half minutes, since an ADD may wait for its gateway. */
const TRIES = 420;
/** Until a monitor that failed is opened again. */
const MONITOR_MS = 30_000;

export interface RoutesOptions {
  readonly node: Node;
  readonly attachments: Pick<KnownAttachments, "all">;
  readonly openMonitor: () => Disposable & { heard(): Heard };
  /** Called after each error: see Home. */
  readonly checkHome: () => void;
  readonly timer: Timer;
  readonly log: AgentOptions["log"];
}

export class RouteKeeper {
  /** Pods whose routes were put back, since the agent started. */
  restored = 0;
  private readonly options: RoutesOptions;
  /** Looks that are left, by the attachment's text. */
  private readonly waiting = new Map<string, { readonly attachment: Known; tries: number }>();

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

  /** Ends early when something was lost: a new monitor asks anew which devices are down. */
  private async listen(monitor: { heard(): Heard }, signal: AbortSignal): Promise<void> {
    const { timer } = this.options;
    while (!signal.aborted) {
      const { cameUp, isIncomplete } = monitor.heard();
      if (cameUp.size > 0) this.add(({ trunk }) => cameUp.has(trunk.index));
      for (const [text, entry] of this.waiting) {
        entry.tries -= 1;
        if (this.isDone(entry)) this.waiting.delete(text);
        // Others have a turn between two pods.
        await pause(timer, 0, signal);
      }
      if (isIncomplete) return;
      await pause(timer, LOOK_MS, signal);
    }
  }

  private add(isWanted: (attachment: Known) => boolean): void {
    for (const attachment of this.options.attachments.all()) {
      const { containerId, ifName } = attachment;
      if (isWanted(attachment)) this.waiting.set(`${containerId} ${ifName}`, { attachment, tries: TRIES });
    }
  }

  /** False while another call works on the VLAN id. */
  private isDone({ attachment, tries }: { readonly attachment: Known; readonly tries: number }): boolean {
    const { node, log, checkHome } = this.options;
    const { store } = node;
    const { vlanId, containerId, ifName } = attachment;
    const who = `container ${containerId}, ${ifName}`;
    try {
      store.withVlan(vlanId, 0, () => {
        // Another call may have removed it while nobody held the lock.
        const record = store.find(attachment);
        if (record !== undefined) this.restore(record);
      });
      return true;
    } catch (error) {
      checkHome();
      const isBusy = error instanceof LockTimeoutError;
      if (isBusy && tries > 0) return false;
      log("error", `${who}: whether its branch lost routes could not be looked at: ${messageOf(error)}`);
      return true;
    }
  }

  private restore(record: AttachmentRecord): void {
    const found = restore(this.options.node, record);
    if (found.outcome === "whole" || found.outcome === "away") return;
    const { pod, containerId, vlanId, trunk } = record;
    const who = pod.name === undefined ? `container ${containerId}` : `${pod.namespace}/${pod.name}`;
    const fields = { vlanId, trunk: trunk.name, count: found.lines.length, first: found.lines[0] ?? "" };
    if (found.outcome === "restored") {
      this.restored += 1;
      this.options.log("warn", `${who}: its branch had lost its routes, which are back`, fields);
    } else {
      this.options.log("warn", `${who}: its branch is not as ADD left it, and is left so`, fields);
    }
  }
}
