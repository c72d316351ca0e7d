import { quote } from "../text/json.ts";
import { nearest } from "../text/nearest.ts";
import { ACTIONS, type Action } from "./actions.ts";
import type { BudgetSize } from "./budget.ts";

/** EC2 raises no bucket so far; more is a slip of the keyboard. */
const MOST = 100_000;
const FORM = /^([^=]*)=(\d+)\/(\d+(?:\.\d+)?)$/;

/** A text is no rate; the message says why. */
export class RateError extends Error {
  override name = "RateError";
}

/** Reads the values of --rate, `API=size/persecond`, such as `AssociateTrunkInterface=100/10`. RateError. */
export function readRates(texts: readonly string[]): Readonly<Partial<Record<Action, BudgetSize>>> {
  const rates: Partial<Record<Action, BudgetSize>> = {};
  for (const text of texts) {
    const [, name = "", size = "", perSecond = ""] = FORM.exec(text) ?? [];
    if (size === "")
      throw new RateError(`${quote(text)} is no API=size/persecond, such as CreateNetworkInterface=100/5`);
    const action = ACTIONS.find((one) => one === name);
    if (action === undefined)
      throw new RateError(
        `there is no API ${quote(name)} among those that are called; did you mean ${nearest(name, ACTIONS)}?`,
      );
    if (rates[action] !== undefined) throw new RateError(`${action} is there twice`);
    rates[action] = [inRange(text, "size", size, 1), inRange(text, "rate", perSecond, 0.1)];
  }
  return rates;
}

function inRange(text: string, what: string, digits: string, least: number): number {
  const value = Number(digits);
  if (value >= least && value <= MOST) return value;
  throw new RateError(`the ${what} in ${quote(text)} is not from ${least} to ${MOST}`);
}
