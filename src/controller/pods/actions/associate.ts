import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch, type Ledger, withEntry } from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import { tokenOf } from "../../tags.ts";
import type { View } from "../../view.ts";
import { YOUNG_MS } from "../../young.ts";

/** A VLAN id that EC2 has refused is left alone until descriptions have shown who has it. */
const BLOCKED_MS = 300_000;

/** An ENI is associated once in its life, so a token of ENI and VLAN id is used for one association alone. */
export function associationToken({ settings: { cluster } }: View, { eni, vlan = 0 }: Branch, trunk: string) {
  return tokenOf("association", cluster, eni.id, trunk, vlan);
}

/** EC2 AssociateTrunkInterface. */
export function associate(view: View, pod: PodFacts, branch: Branch, trunk: string): Action {
  const { id } = branch.eni;
  const vlan = branch.vlan ?? 0;
  const token = associationToken(view, branch, trunk);
  return {
    kind: "AssociateBranch",
    subject: `pod ${pod.uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id, vlan },
    begin: (ledger) => ledger,
    async run(ports, call) {
      const association = await ports.ec2.associate({ branch: id, trunk, vlan, token }, call);
      return (ledger, { now }) =>
        changeBranch(ledger, id, (known) => ({
          ...known,
          state: known.state === "created" ? "associated" : known.state,
          association: association.id,
          since: now,
          retry: undefined,
        }));
    },
    failed: (ledger, failure, moment) => associationFailed(ledger, id, failure, moment),
  };
}

export function associationFailed(ledger: Ledger, id: string, failure: Failure, moment: Moment): Ledger {
  const branch = ledger.branches.get(id);
  if (branch === undefined) return ledger;
  const retry = retryAfter(branch.retry, failure, moment);
  const isYoung = moment.now - branch.knownAt < YOUNG_MS;
  const again = changeBranch(ledger, id, (known) => ({ ...known, retry }));
  switch (failure.kind) {
    case "gone":
      return isYoung ? again : givenUp(ledger, branch, failure, moment);
    // EC2 says of a VLAN id in use what it says of other faults: another id and another ENI have to do.
    case "invalid":
      return givenUp(blocked(ledger, branch.vlan, moment.now), branch, failure, moment);
    case "spent":
      return givenUp(ledger, branch, failure, moment);
    case "conflict":
    case "denied":
    case "throttled":
    case "unknown":
    case "wait":
      return again;
  }
}

function blocked(ledger: Ledger, vlan: number | undefined, now: number): Ledger {
  if (vlan === undefined) return ledger;
  return { ...ledger, blocked: withEntry(ledger.blocked, vlan, now + BLOCKED_MS) };
}

/**
 * The ENI is released, and its pod begins anew after a while. One that a controller before us has made is looked at as
 * if it had just been found: what that one did with it is not known.
 */
export function givenUp(ledger: Ledger, branch: Branch, failure: Failure, moment: Moment): Ledger {
  const released = changeBranch(ledger, branch.eni.id, (known) => ({
    ...known,
    state: known.seen === "own" ? "releasing" : "found",
    vlan: undefined,
    since: moment.now,
    retry: undefined,
  }));
  const { pod } = branch;
  if (pod === undefined) return released;
  const before = ledger.requests.get(pod.uid);
  const request = {
    pod,
    attempt: (before?.attempt ?? 0) + 1,
    making: undefined,
    provenAt: undefined,
    retry: retryAfter(before?.retry, failure, moment),
  };
  return { ...released, requests: withEntry(released.requests, pod.uid, request) };
}
