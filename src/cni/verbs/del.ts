import { detachRecord } from "../../attachment/detach.ts";
import { recover } from "../../attachment/recover.ts";
import type { AttachmentRecord } from "../../state/record.ts";
import { StateError, LOCK_WAIT_MS, type OnStateError } from "../../state/store.ts";
import { decodeIdentity, podEniAnnotation } from "../../ipam/annotation.ts";
import type { BranchIdentity } from "../../ipam/annotation.ts";
import { isIpamdDown } from "../aws-cni.ts";
import type { Call } from "../call.ts";
import { readConfig } from "../config.ts";
import { hasBranch, readPrevResult } from "../prevresult.ts";
import { reviewNode, tolerateLeftBehind } from "../cleanup.ts";

/**
 * DEL (SPEC 1.1.0, section 2): undoes what the record says; without a record, what the annotation, prevResult and the
 * namespace show. Needs no trunk, no namespace, no correct configuration and no writable state directory: see
 * docs/decisions/del-without-a-state-directory.md.
 */
export function del(call: Call): undefined {
  const { request, node } = call;
  const key = { containerId: request.containerId, ifName: request.ifName };
  const record = findRecord(call);
  if (record === undefined) {
    const { isOrdinary, ...known } = hints(call);
    const traces = { ...key, netns: request.netns, ...known };
    const outcome = tolerateLeftBehind(call, () =>
      !(isOrdinary && isUnlisted(call)) && recover(node, traces, warnOf(call))
        ? "detached without a record"
        : "nothing to detach",
    );
    call.note({ outcome });
    reviewNode(call);
    return;
  }
  call.note({ vlan: record.vlanId, eni: record.eniId });
  const detach = () => {
    // Another call may have taken over the VLAN id while we waited. Then nothing is left for us to detach.
    const current = findRecord(call);
    if (current === undefined) return "taken over meanwhile";
    return tolerateLeftBehind(call, () => {
      detachRecord(node, current, { releasePrimary: isIpamdDown() });
      return "detached";
    });
  };
  call.note({ outcome: node.store.withVlan(record.vlanId, LOCK_WAIT_MS, detach, warnOf(call)) });
  reviewNode(call);
}

/** An unreadable record is no reason to leave a pod's network behind: DEL goes on as without a record. */
function findRecord(call: Call): AttachmentRecord | undefined {
  const { request, node } = call;
  try {
    return node.store.find({ containerId: request.containerId, ifName: request.ifName });
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    call.warn(error.message);
    return undefined;
  }
}

/** A broken state directory does not stop a teardown, but is logged. */
function warnOf(call: Call): OnStateError {
  return ({ message }) => call.warn(message);
}

/** Whether the attachment has no record at all, not even an unreadable one. */
function isUnlisted({ node, request }: Call): boolean {
  try {
    return node.store.vlanIdsOf({ containerId: request.containerId, ifName: request.ifName }).length === 0;
  } catch (error) {
    if (error instanceof StateError) return false;
    throw error;
  }
}

interface Hints {
  readonly branch?: BranchIdentity;
  readonly macs: readonly string[];
  readonly hostInterfaceName: string;
  /**
   * Neither the annotation nor an interface of prevResult hints at a branch, as for most pods. The namespace is then
   * not inspected, which would need the native library.
   */
  readonly isOrdinary: boolean;
}

/** What the call itself says about the branch: the same annotation as ADD's, and the chain's final result. */
function hints(call: Call): Hints {
  const { request, env } = call;
  const { config } = readConfig(request.config, env, { lenient: true });
  let isReadable = true;
  const quietly = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch {
      isReadable = false;
      return undefined;
    }
  };
  const branch = quietly(() => {
    const text = podEniAnnotation(config.runtimeConfig);
    return text === undefined ? undefined : decodeIdentity(text);
  });
  const interfaces = quietly(() => readPrevResult(request.config, request.cniVersion))?.interfaces ?? [];
  const isOurs = hasBranch({ interfaces }, config.hostInterfaceName);
  return {
    ...(branch !== undefined && { branch }),
    macs: [
      ...interfaces.filter(({ name }) => name === request.ifName).map(({ mac }) => mac.toLowerCase()),
      ...(branch === undefined ? [] : [branch.mac]),
    ],
    hostInterfaceName: config.hostInterfaceName,
    isOrdinary: isReadable && branch === undefined && !isOurs,
  };
}
