/** Errors as a runtime reads them: SPEC 1.1.0, section 5, "Error". */

import { AnnotationError } from "../ipam/annotation.ts";
import { NEWEST_VERSION } from "./versions.ts";

export const ErrorCode = {
  /** The specification's own. */
  IncompatibleVersion: 1,
  UnsupportedField: 2,
  UnknownContainer: 3,
  InvalidEnvironment: 4,
  IoFailure: 5,
  DecodingFailure: 6,
  InvalidConfig: 7,
  TryAgainLater: 11,
  NotAvailable: 50,
  NotAvailableLimited: 51,
  /** branchline's. */
  TrunkNotFound: 100,
  AnnotationInvalid: 101,
  VlanInUse: 102,
  KernelRefused: 103,
  NamespaceUnusable: 104,
  RecordUnusable: 105,
  /**
   * By the agent: for example, a policy selects the pod but it requests no branch, or a NetworkPolicy would not apply.
   */
  Refused: 106,
  /** The reference library's code for any other error: for us, a bug. */
  Internal: 999,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** An answer to the runtime: one line that a person can act on, and the rest in details. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, details = "", options?: ErrorOptions) {
    super(message, options);
    this.name = "CniError";
    this.code = code;
    this.details = details;
  }
}

export interface ErrorDocument {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** Whatever was thrown, as an error with a code. */
export function asCniError(thrown: unknown): CniError {
  if (thrown instanceof CniError) return thrown;
  if (thrown instanceof AnnotationError) {
    return new CniError(ErrorCode.AnnotationInvalid, thrown.message, "", { cause: thrown });
  }
  if (thrown instanceof Error) {
    return new CniError(ErrorCode.Internal, thrown.message || thrown.name, thrown.stack ?? "", {
      cause: thrown,
    });
  }
  return new CniError(ErrorCode.Internal, `something other than an error was thrown: ${describe(thrown)}`);
}

/** Characters. Kubernetes cuts the note of an event at 1024. */
const MAX_MSG = 1000;
const MAX_DETAILS = 16 * 1024;

/** What goes to stdout. The version is the newest one if the request's is not known (yet). */
export function errorDocument(thrown: unknown, cniVersion: string = NEWEST_VERSION): ErrorDocument {
  const { code, message, details: all } = asCniError(thrown);
  const msg = shortened(oneLine(message), MAX_MSG);
  const details = shortened(all, MAX_DETAILS);
  return details === "" ? { cniVersion, code, msg } : { cniVersion, code, msg, details };
}

/** Values are quoted as they came and may contain anything. */
function oneLine(text: string): string {
  return text
    .replaceAll(/\s*[\n\v\f\r\u0085\u2028\u2029]+\s*/g, " ")
    .replaceAll(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .trim();
}

function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

function describe(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}
