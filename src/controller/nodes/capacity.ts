import type { Decision } from "../action.ts";
import { Draft } from "../draft.ts";
import { limitOf, readyTrunk } from "../pods/branches.ts";
import { slotsForPods } from "../pods/slots.ts";
import type { View } from "../view.ts";
import { setCapacity } from "./actions/set-capacity.ts";

/** kubelet copies capacity into allocatable with its next status, every 10 s. */
const KUBELET_MS = 30_000;

/** vpc.amazonaws.com/pod-eni: what the scheduler may count on. Nothing before the trunk is ready. */
export function decideCapacity(view: View, now: number): Decision {
  const draft = new Draft();
  const { settings, node, ledger } = view;
  if (settings.mode !== "standalone" || node === undefined) return draft;
  const trunk = readyTrunk(view);
  // Without a description it is not known what the trunk carries.
  if (trunk === undefined || ledger.descriptions === 0) return draft;
  const wanted = slotsForPods(ledger, limitOf(view));
  const isSet = node.capacity === wanted;
  if (isSet && node.allocatable === wanted) return draft;
  const { retries } = ledger;
  if (!draft.isDue(retries.get("capacity"), now)) return draft;
  // Where no kubelet follows (amazon-vpc-resource-controller-k8s, issue 637).
  const since = ledger.capacityAt;
  // Since when a controller before us has waited is not known: it is set once more, and waited for from then on.
  if (!isSet || since === undefined) {
    draft.actions.push(setCapacity(node, wanted, false));
    return draft;
  }
  if (now - since < KUBELET_MS) draft.wake(since + KUBELET_MS);
  else draft.actions.push(setCapacity(node, wanted, true));
  return draft;
}
