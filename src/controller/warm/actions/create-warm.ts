import type { Action } from "../../action.ts";
import {
  type AttachedTrunk,
  type Ledger,
  type WarmMaking,
  withBranch,
  withEntry,
  withRetry,
} from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import { creationOf } from "../../pods/creation.ts";
import { tokenOf } from "../../tags.ts";
import type { View } from "../../view.ts";

/** Of branches that could not be made, or not be put on the trunk: the next of any waits. */
export const WARMING = "warm";

/**
 * EC2 CreateNetworkInterface for no pod yet. The token is this process's alone: one that a controller before us has made
 * may be a pod's by now, and is found by its tags.
 */
export function createWarm(view: View, trunk: AttachedTrunk, vlan: number, making: WarmMaking): Action {
  const { settings, ledger } = view;
  const { namespace, groups, attempt } = making;
  const token = tokenOf("warm", settings.cluster, ledger.instance, settings.warm.life, attempt);
  const creation = creationOf(view, { trunk, vlan, groups, owner: namespace, token });
  return {
    kind: "CreateWarm",
    subject: `warm ${vlan}`,
    priority: "warming",
    fields: { namespace, vlan },
    begin: (now) => withMaking(now, vlan, making),
    async run(ports, call) {
      const eni = await creation.run(ports, call);
      return (now, moment) => {
        const own = { state: "warming", pod: undefined, areGroupsSure: true, wasWarm: true } as const;
        return withBranch(withMaking(now, vlan, undefined), creation.made(eni, own, moment.now));
      };
    },
    failed: (now, failure, moment) => failed(now, vlan, failure, moment),
  };
}

function withMaking(ledger: Ledger, vlan: number, making: WarmMaking | undefined): Ledger {
  const { warm } = ledger;
  const begun = Math.max(warm.begun, (making?.attempt ?? 0) + 1);
  return { ...ledger, warm: { ...warm, begun, making: withEntry(warm.making, vlan, making) } };
}

function failed(ledger: Ledger, vlan: number, failure: Failure, moment: Moment): Ledger {
  const making = ledger.warm.making.get(vlan);
  const retry = retryAfter(ledger.retries.get(WARMING), failure, moment);
  const again = withRetry(ledger, WARMING, retry);
  // The same again with the same token; otherwise nothing was made, or it is found by its tags.
  const isOpen = failure.kind === "unknown" || failure.kind === "throttled";
  return withMaking(again, vlan, isOpen && making !== undefined ? { ...making, retry } : undefined);
}
