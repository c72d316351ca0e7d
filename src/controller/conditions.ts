import { fieldsOf, itemsOf, textOf } from "../kubernetes/fields.ts";

/** Conditions of a status, with the times of their last change. */

export interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** A condition that was there, as far as its time is kept. */
export interface TimedCondition {
  readonly type: string;
  readonly status: string;
  /** RFC 3339. */
  readonly at: string;
}

export function timesOf(status: unknown): readonly TimedCondition[] {
  return itemsOf(fieldsOf(status)["conditions"]).flatMap((one) => {
    const { type, status: its, lastTransitionTime } = fieldsOf(one);
    const [name, value, at] = [textOf(type), textOf(its), textOf(lastTransitionTime)];
    return name === undefined || value === undefined || at === undefined
      ? []
      : [{ type: name, status: value, at }];
  });
}

/** The status with times: of a condition whose status is the same, that of before. `now` in milliseconds since 1970. */
export function withTimes(status: Conditions, before: readonly TimedCondition[], now: number): object {
  const { conditions = [] } = status;
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
  const timed = conditions.map((one) => {
    const old = before.find(({ type }) => type === one.type);
    return { ...one, lastTransitionTime: old?.status === one.status ? old.at : time };
  });
  return { ...status, ...(timed.length > 0 && { conditions: timed }) };
}
