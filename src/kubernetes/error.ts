/**
 * What to do about a failed request to the API server:
 * - `missing`: 404 in the API server's own words; the object, or the resource itself, does not exist. A 404 of something
 *   before it, such as a load balancer, is one to `retry`.
 * - `conflict`: 409, or a JSON patch that does not apply (422); read again, decide again.
 * - `expired`: 410; the version is too old to watch from or to page on, list anew.
 * - `denied`: 401 or 403; credentials or RBAC.
 * - `invalid`: the API server will say the same again until the request changes.
 * - `retry`: the server's fault, the network's, or too many requests; `retryAfterMs` is the least to wait.
 */
export type KubernetesErrorKind = "missing" | "conflict" | "expired" | "denied" | "invalid" | "retry";

/** A request that the API server refused, or that got no answer. */
export class KubernetesError extends Error {
  override name = "KubernetesError";
  readonly kind: KubernetesErrorKind;
  /** The HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** Status.reason of the answer (metav1.Status), such as AlreadyExists, or Node's code, such as ECONNREFUSED. */
  readonly reason: string;
  /** From Retry-After or Status.details.retryAfterSeconds; 0 if neither is there. */
  readonly retryAfterMs: number;

  /** `request` is method and path, for the message. */
  constructor(
    kind: KubernetesErrorKind,
    request: string,
    words: string,
    {
      status,
      reason = "",
      retryAfterMs = 0,
      cause,
    }: {
      readonly status?: number | undefined;
      readonly reason?: string;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(`${request}: ${words}`, { cause });
    this.kind = kind;
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The kind of an answer's status. */
export function kindOfStatus(status: number, reason: string): KubernetesErrorKind {
  switch (status) {
    case 401:
    case 403:
      return "denied";
    case 404:
      return reason === "NotFound" ? "missing" : "retry";
    case 409:
      // AlreadyExists too: the decision was made without knowing of the object.
      return "conflict";
    case 410:
      return "expired";
    case 408:
    case 429:
      return "retry";
    default:
      // Seen of API servers that start: a resource whose storage is not ready yet.
      if (status >= 500) return "retry";
      return reason === "Expired" ? "expired" : "invalid";
  }
}
