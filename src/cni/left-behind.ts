import { LeftBehindError } from "../state/store.ts";
import type { Call } from "./call.ts";

/**
 * What has been taken back whole is a success, though its record could not be removed: a retry would meet the same file
 * system, and the record harms nobody. Whoever gets the VLAN id next undoes it again, which finds nothing, and clears it.
 */
export function tolerateLeftBehind(call: Call, takeBack: () => string): string {
  try {
    return takeBack();
  } catch (error) {
    if (!(error instanceof LeftBehindError)) throw error;
    call.warn(
      `${error.message}; all else is taken back, and the next ADD by this VLAN id clears it once the pod is gone`,
    );
    return "detached, the record left";
  }
}
