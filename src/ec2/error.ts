/**
 * What to do about a failed call:
 * - `gone`: what it names does not exist, or not any more; a young thing may also not be visible yet.
 * - `throttled`: a bucket is empty; the whole API slows down.
 * - `retry`: EC2's fault, the network's, or a state that passes; same token again.
 * - `wait`: no address, slot or quota is free; something has to go first.
 * - `denied`: policy, credentials or clock; not again within a minute.
 * - `invalid`: EC2 will say the same again until the request or what it names changes.
 * - `bug`: the request itself is wrong; ours to mend.
 */
export type ErrorKind = "gone" | "throttled" | "retry" | "wait" | "denied" | "invalid" | "bug";

/** A call that EC2 refused, or that did not come back. */
export class Ec2CallError extends Error {
  readonly kind: ErrorKind;
  /** The API that was called, such as CreateNetworkInterface. */
  readonly action: string;
  /** EC2's code, or Node's, such as ECONNREFUSED. */
  readonly code: string;
  readonly requestId: string | undefined;

  constructor(
    kind: ErrorKind,
    action: string,
    code: string,
    words: string,
    { requestId, cause }: { readonly requestId?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const id = requestId === undefined ? "" : ` (request ${requestId})`;
    super(`${action}: ${code}: ${words}${id}`, { cause });
    this.name = "Ec2CallError";
    this.kind = kind;
    this.action = action;
    this.code = code;
    this.requestId = requestId;
  }
}

/**
 * An error's message without what is another each time: the request's id, and EC2's words for
 * `aws sts decode-authorization-message`. Whoever tells what lasts would otherwise tell news with each try.
 */
export function lastingWords(message: string): string {
  return message.replaceAll(/ \(request [^()]*\)|\s*Encoded authorization failure message: \S+/g, "");
}

const KINDS: Readonly<Record<string, ErrorKind>> = {
  RequestLimitExceeded: "throttled",
  Throttling: "throttled",
  ThrottlingException: "throttled",
  IncorrectState: "retry",
  IncorrectInstanceState: "retry",
  InsufficientFreeAddressesInSubnet: "wait",
  AttachmentLimitExceeded: "wait",
  NetworkInterfaceLimitExceeded: "wait",
  ResourceLimitExceeded: "wait",
  DependencyViolation: "wait",
  UnauthorizedOperation: "denied",
  AuthFailure: "denied",
  OptInRequired: "denied",
  RequestExpired: "denied",
  SignatureDoesNotMatch: "denied",
  // What the token stood for has been undone since, or was something else: to be reconciled, then a new token.
  IdempotentParameterMismatch: "gone",
  // A policy names a group that is not there: only a change of the policy helps.
  "InvalidGroup.NotFound": "invalid",
  "InvalidSecurityGroupID.NotFound": "invalid",
  PrivateIpAddressLimitExceeded: "bug",
  MissingParameter: "bug",
  UnknownParameter: "bug",
  InvalidParameterCombination: "bug",
  InvalidAction: "bug",
  FilterLimitExceeded: "bug",
};

/** The kind of EC2's code; unknown ones go by the HTTP status. */
export function kindOf(code: string, status: number | undefined): ErrorKind {
  const known = Object.hasOwn(KINDS, code) ? KINDS[code] : undefined;
  if (known !== undefined) return known;
  if (status !== undefined && status >= 500) return "retry";
  if (code.endsWith(".NotFound")) return "gone";
  return "invalid";
}
