import { Ec2CallError, type ErrorKind, lastingWords } from "../ec2/error.ts";
import { KubernetesError, type KubernetesErrorKind } from "../kubernetes/error.ts";
import { stackOf } from "../text/error-words.ts";
import type { Failure, FailureKind } from "./moment.ts";

const OF_EC2: Readonly<Record<ErrorKind, FailureKind>> = {
  gone: "gone",
  throttled: "throttled",
  retry: "unknown",
  wait: "wait",
  denied: "denied",
  invalid: "invalid",
  bug: "invalid",
};

const OF_KUBERNETES: Readonly<Record<KubernetesErrorKind, FailureKind>> = {
  missing: "gone",
  conflict: "conflict",
  expired: "unknown",
  denied: "denied",
  invalid: "invalid",
  retry: "unknown",
};

/** What an action rejected with, by what to do about it. Anything else is a defect of ours, and waits long. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Ec2CallError) {
    const isSpent = error.code === "IdempotentParameterMismatch";
    const kind = isSpent ? "spent" : OF_EC2[error.kind];
    return { kind, code: error.code, message: error.message, action: `ec2:${error.action}` };
  }
  if (error instanceof KubernetesError) {
    return { kind: OF_KUBERNETES[error.kind], code: error.reason, message: error.message };
  }
  return { kind: "invalid", code: "Bug", message: stackOf(error) };
}

/** Its words for people, the same at each try: with the permission that is missing, which EC2's own may not name. */
export function refusalOf({ kind, action, message }: Failure): string {
  const words = lastingWords(message);
  return kind === "denied" && action !== undefined ? `${action} is missing: ${words}` : words;
}
