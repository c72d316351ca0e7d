import { encodeBranch } from "../../../ipam/annotation-text.ts";
import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Branch, changeBranch } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";

/** Writes the branch into its pod, if that has this UID and no annotation. */
export function annotate(pod: PodFacts, branch: Branch): Action {
  const { id } = branch.eni;
  const { namespace, name, uid, hasAnnotations } = pod;
  const text = annotationOf(branch);
  return {
    kind: "AnnotatePod",
    subject: `pod ${uid}`,
    priority: "waiting",
    pod,
    fields: { eni: id, vlan: branch.vlan },
    // Whatever the answer, or without one, it may have been written.
    begin: (ledger) => changeBranch(ledger, id, (known) => ({ ...known, mayBeAnnotated: true })),
    async run(ports, call) {
      await ports.pods.annotate({ namespace, name, uid }, hasAnnotations, text, call.signal);
      return (ledger, { now }) =>
        changeBranch(ledger, id, (known) => ({ ...known, state: "assigned", since: now, retry: undefined }));
    },
    failed: (ledger, failure, moment) =>
      changeBranch(ledger, id, (known) => ({ ...known, retry: retryAfter(known.retry, failure, moment) })),
  };
}

function annotationOf({ eni, vlan = 0, association = "" }: Branch): string {
  return encodeBranch({
    eniId: eni.id,
    mac: eni.mac,
    ipv4: eni.ipv4 ?? "",
    ipv6: eni.ipv6 ?? "",
    vlanId: vlan,
    subnet: eni.ipv4 === undefined ? "" : eni.subnet.cidr,
    subnetV6: eni.ipv6 === undefined ? "" : (eni.subnet.ipv6Cidr ?? ""),
    associationId: association,
  });
}
