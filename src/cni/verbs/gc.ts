import { detachRecord } from "../../attachment/detach.ts";
import { LOCK_WAIT_MS } from "../../state/store.ts";
import { validAttachments } from "../attachments.ts";
import { isIpamdDown } from "../aws-cni.ts";
import type { Call } from "../call.ts";
import { CniError, ErrorCode } from "../errors.ts";
import { toCniError } from "../failures.ts";
import { reviewNode, tolerateLeftBehind } from "../cleanup.ts";

/**
 * GC (SPEC 1.1.0, section 2): detaches the attachments of this network that the runtime does not list. If there is no
 * list at all (null, absent), nothing is removed. One failure does not stop the others.
 */
export function gc(call: Call): undefined {
  const { request, node } = call;
  const valid = validAttachments(request.config);
  if (valid === undefined) {
    call.note({ outcome: "valid attachments unknown: nothing removed" });
    return;
  }
  const isValid = (containerId: string, ifName: string) =>
    valid.some((entry) => entry.containerId === containerId && entry.ifName === ifName);
  const failed: string[] = [];
  let removed = 0;
  for (const key of node.store.keys()) {
    if (isValid(key.containerId, key.ifName)) continue;
    try {
      const record = node.store.find(key);
      if (record === undefined || record.network !== request.networkName) continue;
      node.store.withVlan(record.vlanId, LOCK_WAIT_MS, () => {
        const current = node.store.find(key);
        if (current === undefined) return;
        tolerateLeftBehind(call, () => {
          detachRecord(node, current, { releasePrimary: isIpamdDown() });
          return "";
        });
        removed += 1;
      });
    } catch (error) {
      failed.push(`${key.containerId} ${key.ifName}: ${toCniError(error).message}`);
    }
  }
  call.note({ outcome: `removed ${removed}` });
  reviewNode(call);
  if (failed.length === 0) return;
  throw new CniError(
    ErrorCode.KernelRefused,
    `${failed.length} of the attachments that are no longer valid could not be removed: ${failed[0]}`,
    failed.join("\n"),
  );
}
