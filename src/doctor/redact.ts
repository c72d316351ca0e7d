/** Takes out what looks like a secret, wherever it is. What is kept out is kept out before: this is for the rest. */

const GONE = "[taken out]";

/** In any text. */
const SECRETS: readonly RegExp[] = [
  // PEM: keys and certificates. A line that was cut off has no end.
  /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g,
  // PEM again, as base64 hides it.
  /\bLS0tLS1CRUdJTi[A-Za-z0-9+/=_-]*/g,
  // JSON Web Tokens: of ServiceAccounts, of OIDC.
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?/g,
  // `aws eks get-token`.
  /\bk8s-aws-v1\.[A-Za-z0-9_-]+/g,
  // Access keys of AWS.
  /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi,
  // Signed URLs.
  /\bX-Amz-(?:Signature|Credential|Security-Token)=[^&\s"]+/gi,
  // name=value and "name": "value", by the name.
  /\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key)[\w-]*["']?\s*[=:]\s*["']?[^\s"',}]+/gi,
];

export function redact(text: string): string {
  return SECRETS.reduce((so, secret) => so.replaceAll(secret, GONE), text);
}

/** The same in every text of plain data, with maps as lists of pairs. */
export function redacted(value: unknown): unknown {
  if (typeof value === "string") return redact(value);
  if (value instanceof Map) return redacted([...(value as ReadonlyMap<unknown, unknown>)]);
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [redact(key), redacted(one)]));
}
