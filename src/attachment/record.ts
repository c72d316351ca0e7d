import type { Step } from "../datapath/operation.ts";
import type { Rule } from "../netlink/route/rule.ts";

/**
 * What this node attached to which pod: written before the first change to the kernel, so that whatever ends the
 * process, DEL, GC and the next ADD know what may be there and how to take it back.
 */

/** Raised when a field changes its meaning; a record of another version is not guessed at. */
export const RECORD_VERSION = 1;

export interface AttachmentRecord {
  readonly version: typeof RECORD_VERSION;
  readonly containerId: string;
  /** The pod's interface (CNI_IFNAME). */
  readonly ifName: string;
  /** The network's name: GC speaks of one network's attachments only. */
  readonly network: string;
  readonly pod: PodIdentity;
  readonly eniId: string;
  readonly mac: string;
  readonly vlanId: number;
  readonly addresses: readonly string[];
  readonly namespace: {
    readonly path: string;
    readonly identity: string;
    /** ifindex, on the node, of the other end of the pod's veth: the kernel counts on and gives none again soon. */
    readonly veth?: number;
  };
  readonly datapath: "direct" | "routed";
  readonly mode: "standard" | "strict";
  readonly trunk: { readonly name: string; readonly index: number; readonly mac: string };
  /** The primary's interface, under the name it has while the branch is there. */
  readonly hostInterfaceName: string;
  /**
   * What aws-cni has on the node for the primary's addresses, DEL's only when aws-cni cannot take it away: rules, and the
   * ifindexes of the pod's veths that the addresses are routed to.
   */
  readonly primary?: { readonly rules: readonly Rule[]; readonly veths: readonly number[] };
  readonly steps: readonly Step[];
}

/** Which pod a sandbox belongs to, as far as the runtime said: every retry has a new container id, the UID stays. */
export interface PodIdentity {
  readonly uid?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** For logs and errors: `default/web-0`, or nothing when the runtime did not say. */
export function podName(pod: PodIdentity): string {
  return pod.name === undefined ? "a pod the runtime did not name" : `${pod.namespace ?? "?"}/${pod.name}`;
}

/** The record as read from disk; undefined when the text is not one of this version. */
export function parseRecord(text: string): AttachmentRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

/** The file is ours alone (0600 in a directory of 0700), so its shape is checked, not each number in it. */
function isRecord(value: unknown): value is AttachmentRecord {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Partial<Record<keyof AttachmentRecord, unknown>>;
  const texts = [record.containerId, record.ifName, record.eniId, record.mac, record.datapath];
  return (
    record.version === RECORD_VERSION &&
    texts.every((text) => typeof text === "string") &&
    typeof record.vlanId === "number" &&
    [record.namespace, record.pod, record.trunk].every((part) => typeof part === "object" && part !== null) &&
    Array.isArray(record.addresses) &&
    isPrimary(record.primary) &&
    Array.isArray(record.steps)
  );
}

function isPrimary(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== "object" || value === null) return false;
  const { rules, veths } = value as Readonly<Record<string, unknown>>;
  return Array.isArray(rules) && Array.isArray(veths);
}
