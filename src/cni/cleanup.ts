import { kernelFor } from "../attachment/node.ts";
import { reviewStrict } from "../attachment/strict.ts";
import { LeftBehindError } from "../state/store.ts";
import { StrictFile } from "../state/strict.ts";
import type { Call } from "./call.ts";
import { ErrorCode } from "./errors.ts";
import { toCniError } from "./failures.ts";

/** The end of every call that changes a pod's network. */

/**
 * Undoes strict mode's changes to the node if they are no longer needed. The call itself is done by then and does not
 * fail because of this: the next call checks again.
 */
export function reviewNode(call: Call): void {
  const { node } = call;
  try {
    if (!new StrictFile(node.store.stateDirectory).exists()) return;
    using kernel = kernelFor(node, undefined);
    reviewStrict(node, kernel);
  } catch (error) {
    const failure = toCniError(error);
    if (failure.code === ErrorCode.Internal) throw error;
    // Another call is doing the same right now.
    if (failure.code === ErrorCode.TryAgainLater) return;
    call.warn(`strict mode's changes to the node could not be reviewed: ${failure.message}`);
  }
}

/**
 * A complete teardown is a success even if its record cannot be removed: a retry would meet the same file system, and
 * the record does no harm. The next owner of the VLAN id undoes it again, which finds nothing, and removes it.
 */
export function tolerateLeftBehind(call: Call, takeBack: () => string): string {
  try {
    return takeBack();
  } catch (error) {
    if (!(error instanceof LeftBehindError)) throw error;
    call.warn(
      `${error.message}; everything else is detached, and the next ADD with this VLAN id removes the record once the pod is gone`,
    );
    return "detached, the record left";
  }
}
