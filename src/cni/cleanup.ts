import { kernelFor } from "../attachment/node.ts";
import { reviewStrict } from "../attachment/strict.ts";
import { StrictFile } from "../state/strict.ts";
import type { Call } from "./call.ts";
import { ErrorCode } from "./errors.ts";
import { toCniError } from "./failures.ts";

/**
 * Looks whether what strict mode changed for the node is still needed. The call itself is done by then and does not fail
 * for it: the next one looks again.
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
    // Another call is at it right now.
    if (failure.code === ErrorCode.TryAgainLater) return;
    call.warn(`what strict mode changed for the node could not be looked at: ${failure.message}`);
  }
}
