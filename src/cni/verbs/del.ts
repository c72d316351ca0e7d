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
 * DEL (SPEC 1.1.0, section 2): takes back what the record says was attached; without a record, what can be told from the
 * annotation, prevResult and the namespace. Needs neither trunk, namespace nor a correct configuration, nor a state
 * directory that can be written to: see docs/decisions/del-without-a-state-directory.md.
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
    // Another call may have taken the VLAN id over while we waited: then nothing of it is ours any more.
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

/** A record that cannot be read is no reason to leave a pod's network behind: the other ways are tried. */
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

/** What is wrong with the state directory keeps nothing from being taken back; somebody should know. */
function warnOf(call: Call): OnStateError {
  return ({ message }) => call.warn(message);
}

/** Whether no file says anything of the attachment, not even one that cannot be read. */
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
   * Nothing hints at a branch, neither the annotation nor an interface of prevResult: most pods. Then the namespace is not
   * looked into, which needs the native library.
   */
  readonly isOrdinary: boolean;
}

/** What the call itself says about the branch: it is ADD's annotation, and the result of the whole chain. */
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
