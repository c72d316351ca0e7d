import type { Action } from "../../action.ts";
import type { PodFacts } from "../../facts.ts";
import { type Request, withRequest } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";

/**
 * Asks the API server whether it would take the pod's annotation, without writing it. Nothing is made for a pod before: a
 * controller that may not write would otherwise make branch after branch.
 */
export function prove(pod: PodFacts): Action {
  const { namespace, name, uid, hasAnnotations } = pod;
  const before = (request: Request | undefined): Request =>
    request ?? {
      pod: { namespace, name, uid },
      attempt: 0,
      making: undefined,
      provenAt: undefined,
      retry: undefined,
    };
  return {
    kind: "ProveAnnotation",
    subject: `pod ${uid}`,
    priority: "waiting",
    pod,
    fields: {},
    begin: (ledger) => ledger,
    async run(ports, call) {
      await ports.pods.prove({ namespace, name, uid }, hasAnnotations, call.signal);
      return (ledger, { now }) => {
        const request = before(ledger.requests.get(uid));
        // Each creation is proven: its failures go on being counted.
        const retry =
          request.attempt === 0 ? undefined : request.retry && { ...request.retry, notBefore: now };
        return withRequest(ledger, uid, { ...request, refused: undefined, provenAt: now, retry });
      };
    },
    failed(ledger, failure, moment) {
      const request = before(ledger.requests.get(uid));
      // It is gone, and the cache will say so; or it has an annotation.
      const retry = retryAfter(request.retry, failure, moment);
      return withRequest(ledger, uid, { ...request, refused: undefined, retry });
    },
  };
}
