import { Ec2Error } from "./error.ts";
import type { Random } from "./random.ts";

/** An error that is answered in place of what would have happened. */
export interface Fault {
  /** An action, or "*". */
  readonly action: string;
  readonly code: string;
  readonly message?: string;
  readonly status?: number;
  /** How many calls; without it, until the faults are cleared. */
  count?: number;
  /** Of each call; 1 when absent. */
  readonly probability?: number;
  /** Whether the request is carried out first, so that only its answer is lost. */
  readonly after?: boolean;
}

/** Reads a fault from outside; throws in one line. */
export function readFault(value: unknown): Fault {
  if (typeof value !== "object" || value === null) throw new TypeError("a fault is an object");
  const { action = "*", code, message, status, count, probability, after } = value as Record<string, unknown>;
  if (typeof action !== "string") throw new TypeError(`"action" is a name, not ${JSON.stringify(action)}`);
  if (typeof code !== "string" || code === "")
    throw new TypeError(`"code" is an error code, not ${JSON.stringify(code)}`);
  if (message !== undefined && typeof message !== "string") throw new TypeError(`"message" is a text`);
  if (status !== undefined && !(Number.isInteger(status) && Number(status) >= 400 && Number(status) < 600)) {
    throw new TypeError(`"status" is from 400 to 599, not ${JSON.stringify(status)}`);
  }
  if (count !== undefined && !(Number.isInteger(count) && Number(count) > 0)) {
    throw new TypeError(`"count" is a number from 1 up, not ${JSON.stringify(count)}`);
  }
  if (
    probability !== undefined &&
    !(typeof probability === "number" && probability >= 0 && probability <= 1)
  ) {
    throw new TypeError(`"probability" is from 0 to 1, not ${JSON.stringify(probability)}`);
  }
  if (after !== undefined && typeof after !== "boolean") throw new TypeError(`"after" is true or false`);
  return {
    action,
    code,
    ...(message === undefined ? {} : { message }),
    ...(status === undefined ? {} : { status: Number(status) }),
    ...(count === undefined ? {} : { count: Number(count) }),
    ...(probability === undefined ? {} : { probability }),
    ...(after === undefined ? {} : { after }),
  };
}

/** The fault that this call meets, counted; spent ones are taken out of the list. */
export function meetFault(faults: Fault[], action: string, random: Random): Fault | undefined {
  const index = faults.findIndex(
    (fault) =>
      (fault.action === "*" || fault.action === action) &&
      (fault.probability === undefined || random.next() < fault.probability),
  );
  const fault = faults[index];
  if (fault?.count !== undefined && --fault.count === 0) faults.splice(index, 1);
  return fault;
}

export function faultError({ code, message, status }: Fault): Ec2Error {
  return new Ec2Error(code, message ?? `An injected ${code}`, status);
}
