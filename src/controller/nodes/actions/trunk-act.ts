import type { CallOptions } from "../../../ec2/port.ts";
import type { Action, Learn } from "../../action.ts";
import { type Ledger, type Trunk, withRetry } from "../../ledger.ts";
import { type Failure, type Moment, retryAfter } from "../../moment.ts";
import type { Ports } from "../../ports.ts";

/** What the steps to a trunk have in common: one at a time, with one count of failures. */
export function trunkAct(
  { kind, fields }: Pick<Action, "kind" | "fields">,
  run: (ports: Ports, call: CallOptions) => Promise<Learn>,
  failed: (ledger: Ledger, failure: Failure, moment: Moment) => Ledger = (ledger) => ledger,
): Action {
  return {
    kind,
    subject: "trunk",
    priority: "waiting",
    fields,
    begin: (ledger) => ledger,
    async run(ports, call) {
      const learn = await run(ports, call);
      return (ledger, moment) => learn(withRetry(ledger, "trunk", undefined), moment);
    },
    failed: (ledger, failure, moment) =>
      failed(
        withRetry(ledger, "trunk", retryAfter(ledger.retries.get("trunk"), failure, moment)),
        failure,
        moment,
      ),
  };
}

/** The trunk replaced, if it is still the one that the step was about. */
export function replaceTrunk(ledger: Ledger, id: string, trunk: Trunk): Ledger {
  return "id" in ledger.trunk && ledger.trunk.id === id ? { ...ledger, trunk } : ledger;
}

/** Looks again so long after a step that has to take effect. */
export function lookAgain(ledger: Ledger, at: number): Ledger {
  return withRetry(ledger, "trunk", { failures: 0, notBefore: at, why: "" });
}
