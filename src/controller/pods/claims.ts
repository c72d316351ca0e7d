import type { Claim, PodFacts } from "../facts.ts";
import {
  type Branch,
  branchOfPod,
  changeBranch,
  isUnplaced,
  type Ledger,
  otherOnVlan,
  withBranch,
} from "../ledger.ts";

/**
 * The ledger with what the pods' annotations say: a living pod's branch is its own, whatever else is known. And a branch
 * that was found belongs to the pod that it was made for, if that still waits for one: a controller before us has been cut
 * off between two steps.
 */
export function withClaims(ledger: Ledger, pods: readonly PodFacts[], now: number): Ledger {
  let result = ledger;
  for (const pod of pods) {
    if (pod.isFinished) continue;
    if (pod.claim === undefined) result = withItsOwn(result, pod, now);
    else if (pod.claim !== "unreadable") result = withClaim(result, pod, pod.claim, now);
  }
  return result;
}

function withClaim(ledger: Ledger, pod: PodFacts, claim: Claim, now: number): Ledger {
  const known = ledger.branches.get(claim.eniId);
  if (known === undefined) {
    return ledger.deleted.has(claim.eniId) ? ledger : withBranch(ledger, claimed(pod, claim, now));
  }
  switch (known.state) {
    case "created":
    case "associated":
    case "found":
      return withBranch(ledger, assigned(known, pod, claim, now));
    case "assigned":
      return ledger;
    case "cooling":
    case "warm":
      // Its pod is known to be gone, so the cache is behind. Another's annotation was on its way when a controller ended.
      return known.pod?.uid === pod.uid ? ledger : withBranch(ledger, assigned(known, pod, claim, now));
    case "releasing":
    case "warming":
      // Somebody else's annotation names it, which takes nothing back.
      return ledger;
  }
}

/** Known by the annotation alone: EC2 has not described it yet. */
function claimed({ namespace, name, uid }: PodFacts, claim: Claim, now: number): Branch {
  const subnet = { id: "", cidr: "", ipv6Cidr: undefined };
  return {
    state: "assigned",
    eni: { id: claim.eniId, mac: claim.mac, ipv4: undefined, ipv6: undefined, groups: [], subnet },
    vlan: claim.vlanId,
    association: claim.associationId,
    pod: { namespace, name, uid },
    until: undefined,
    areGroupsSure: false,
    home: undefined,
    wasWarm: false,
    mayBeAnnotated: true,
    seen: 0,
    missing: 0,
    knownAt: now,
    since: now,
    retry: undefined,
  };
}

function assigned(known: Branch, { namespace, name, uid }: PodFacts, claim: Claim, now: number): Branch {
  return {
    ...known,
    state: "assigned",
    pod: { namespace, name, uid },
    home: known.home?.namespace === namespace ? known.home : undefined,
    until: undefined,
    vlan: known.vlan ?? claim.vlanId,
    association: known.association ?? claim.associationId,
    since: now,
    retry: undefined,
  };
}

function isTaken(ledger: Ledger, vlan: number, but: string): boolean {
  return (
    otherOnVlan(ledger, vlan, but) !== undefined ||
    [...ledger.requests.values()].some(({ making }) => making?.vlan === vlan)
  );
}

function withItsOwn(ledger: Ledger, pod: PodFacts, now: number): Ledger {
  if (!pod.wantsBranch || pod.isBeingDeleted) return ledger;
  for (const found of ledger.branches.values()) {
    if (found.state !== "found" || found.pod?.uid !== pod.uid || found.vlan === undefined) continue;
    // Of two for the same pod one is taken; the other is released.
    if (branchOfPod(ledger, pod.uid) !== undefined) return ledger;
    if (ledger.requests.get(pod.uid)?.making !== undefined) return ledger;
    if (isTaken(ledger, found.vlan, found.eni.id)) {
      // It was made and never got there; it waits for its end without a slot, and its pod begins anew.
      if (!isUnplaced(found)) continue;
      return changeBranch(ledger, found.eni.id, (branch) => ({ ...branch, vlan: undefined }));
    }
    const state = found.association === undefined ? "created" : "associated";
    return changeBranch(ledger, found.eni.id, (branch) => ({
      ...branch,
      state,
      since: now,
      retry: undefined,
    }));
  }
  return ledger;
}
