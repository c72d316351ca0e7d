import type { Branch, Home } from "../ledger.ts";

/** Whose pods may have it again once it is given other groups: nobody's, if a pod has it and connections may be tracked. */
export function homeAfter({ state, home }: Branch): Home | undefined {
  return state === "assigned" && home?.isOpen !== true ? undefined : home;
}
