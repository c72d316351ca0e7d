import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type AttachedTrunk, type Ledger, withBranch, withRequest } from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import { tokenOf } from "../../tags.ts";
import { creationOf } from "../creation.ts";
import type { View } from "../../view.ts";

interface Wanted {
  readonly pod: PodFacts;
  readonly trunk: AttachedTrunk;
  readonly vlan: number;
  readonly groups: readonly string[];
}

/** EC2 CreateNetworkInterface, with a token of cluster, pod and attempt: made once, also across a crash. */
export function createBranch(view: View, { pod, trunk, vlan, groups }: Wanted): Action {
  const { settings, ledger } = view;
  const { namespace, name, uid } = pod;
  const attempt = ledger.requests.get(uid)?.attempt ?? 0;
  const token = tokenOf("branch", settings.cluster, uid, attempt);
  const creation = creationOf(view, { trunk, vlan, groups, owner: pod, token });
  return {
    kind: "CreateBranch",
    subject: `pod ${uid}`,
    priority: "waiting",
    pod,
    fields: { vlan },
    begin: (now) => {
      const request = now.requests.get(uid);
      return request === undefined ? now : withRequest(now, uid, { ...request, making: { vlan, groups } });
    },
    async run(ports, call) {
      const eni = await creation.run(ports, call);
      return (now, moment) => {
        // A token that a controller before us has used is answered with what was made then; it may have changed since.
        const areGroupsSure = now.inherited?.has(uid) === false;
        const own = {
          state: "created",
          pod: { namespace, name, uid },
          areGroupsSure,
          wasWarm: false,
        } as const;
        return withBranch(withRequest(now, uid, undefined), creation.made(eni, own, moment.now));
      };
    },
    failed: (now, failure, moment) => failed(now, uid, failure, moment),
  };
}

function failed(ledger: Ledger, uid: string, failure: Failure, moment: Moment): Ledger {
  const request = ledger.requests.get(uid);
  if (request === undefined) return ledger;
  const retry = retryAfter(request.retry, failure, moment);
  switch (failure.kind) {
    // The same again, with the same token and the same words.
    case "unknown":
    case "throttled":
      return withRequest(ledger, uid, { ...request, retry, refused: undefined });
    // Nothing was made, or what was made under this token is found by its tags.
    case "conflict":
    case "denied":
    case "gone":
    case "invalid":
    case "spent":
    case "wait":
      return withRequest(ledger, uid, {
        ...request,
        making: undefined,
        attempt: request.attempt + 1,
        refused: failure.kind === "invalid" ? request.making?.groups : undefined,
        provenAt: undefined,
        retry,
      });
  }
}
