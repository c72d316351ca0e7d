import { readFileSync } from "node:fs";
import type { Kernel } from "../datapath/kernel.ts";
import {
  EARLY_DEMUX,
  familiesToMove,
  hasStrictPods,
  isEarlyDemuxOn,
  moveLocalRule,
  restoreLocalRule,
  setEarlyDemux,
} from "../datapath/routed/node.ts";
import type { IpFamily } from "../netlink/ip.ts";
import { errorCode } from "../sys/errno.ts";
import { removeFile, writeFileAtomic } from "../sys/files.ts";
import type { Node } from "./node.ts";
import type { AttachmentRecord } from "./record.ts";
import { AttachmentError, type AttachmentKey, LOCK_WAIT_MS } from "./store.ts";

/**
 * Strict mode's changes to the node are shared by its strict pods: made for the first, put back after the last. What was
 * changed is written down first, so that only that is put back (aws-cni may have moved the rule itself), and that it is
 * put back whatever happens in between.
 */

interface StrictState {
  /** Families whose rule for table local we moved. */
  readonly moved: readonly IpFamily[];
  /** What tcp_early_demux was before we switched it off. */
  readonly earlyDemux?: string;
}

export interface StrictOptions {
  readonly manageEarlyDemux: boolean;
}

/**
 * Makes the node ready for a strict pod whose record is written already. True when kubelet's TCP probes cannot work:
 * tcp_early_demux is on, and it is not ours to switch off.
 */
export function enterStrict(node: Node, kernel: Kernel, options: StrictOptions): { probesFail: boolean } {
  return node.store.withNode(LOCK_WAIT_MS, () => {
    const before = readState(node);
    const moved = familiesToMove(kernel);
    const isOn = isEarlyDemuxOn(kernel);
    const switchOff = isOn && options.manageEarlyDemux;
    const earlyDemux = switchOff ? kernel.readSysctl("host", EARLY_DEMUX) : before?.earlyDemux;
    if (moved.length > 0 || switchOff) {
      writeState(node, {
        moved: [...new Set([...(before?.moved ?? []), ...moved])],
        ...(earlyDemux !== undefined && { earlyDemux }),
      });
    }
    moveLocalRule(kernel, moved);
    if (switchOff) setEarlyDemux(kernel, "0");
    return { probesFail: isOn && !switchOff };
  });
}

/**
 * Removes a strict pod's record, and with the last one puts back what strict mode changed for the node, unless a rule
 * speaks of a strict pod still. The record goes last: a DEL that did not get so far is done again.
 */
export function leaveStrict(
  node: Node,
  kernel: Kernel,
  record: AttachmentKey & Pick<AttachmentRecord, "vlanId">,
): void {
  node.store.withNode(LOCK_WAIT_MS, () => {
    const state = readState(node);
    if (state !== undefined && !hasOtherStrictRecords(node, record) && !hasStrictPods(kernel)) {
      restoreLocalRule(kernel, state.moved);
      if (state.earlyDemux !== undefined) setEarlyDemux(kernel, state.earlyDemux);
      removeFile(path(node));
    }
    node.store.remove(record);
  });
}

/** A record that cannot be read may be a strict pod's. */
function hasOtherStrictRecords(node: Node, { containerId, ifName }: AttachmentKey): boolean {
  return node.store.keys().some((key) => {
    if (key.containerId === containerId && key.ifName === ifName) return false;
    try {
      return node.store.find(key)?.mode === "strict";
    } catch (error) {
      if (error instanceof AttachmentError) return true;
      throw error;
    }
  });
}

function readState(node: Node): StrictState | undefined {
  let text: string;
  try {
    text = readFileSync(path(node), "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new AttachmentError(`Cannot read ${path(node)}: ${errorCode(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text) as StrictState;
  } catch (error) {
    throw new AttachmentError(`${path(node)} is not JSON`, { cause: error });
  }
}

function writeState(node: Node, state: StrictState): void {
  try {
    writeFileAtomic(path(node), `${JSON.stringify(state)}\n`, 0o600);
  } catch (error) {
    throw new AttachmentError(`Cannot write ${path(node)}: ${errorCode(error)}`, { cause: error });
  }
}

function path(node: Node): string {
  return `${node.store.stateDirectory}/strict.json`;
}
