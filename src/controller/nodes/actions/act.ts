import type { CallOptions } from "../../../ec2/port.ts";
import type { Action, Learn } from "../../action.ts";
import { withRetry } from "../../ledger.ts";
import { retryAfter } from "../../moment.ts";
import type { Ports } from "../../ports.ts";

/**
 * An action on a node's objects, of which the ledger keeps nothing but its failures: whether it has succeeded is seen in
 * the objects.
 */
export function act(
  { kind, name, fields }: Pick<Action, "kind" | "fields"> & { readonly name: string },
  run: (ports: Ports, call: CallOptions) => Promise<void>,
  pauseMs = 0,
): Action {
  const done: Learn = (ledger, { now }) =>
    withRetry(
      ledger,
      name,
      pauseMs === 0 ? undefined : { failures: 0, notBefore: now + pauseMs, why: "it was done just now" },
    );
  return {
    kind,
    subject: name,
    priority: "changing",
    fields,
    begin: (ledger) => ledger,
    async run(ports, call) {
      await run(ports, call);
      return done;
    },
    failed: (ledger, failure, moment) =>
      withRetry(ledger, name, retryAfter(ledger.retries.get(name), failure, moment)),
  };
}
