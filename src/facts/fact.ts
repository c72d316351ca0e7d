/** Facts about a cluster, each of them seen or not: what may not be looked at is no reason to say nothing of the rest. */

/** What was looked at, or why it was not. */
export type Fact<T> =
  { readonly known: true; readonly value: T } | { readonly known: false; readonly gap: Gap };

/**
 * Why something could not be looked at:
 * - `denied`: a permission is missing.
 * - `absent`: the API server or the EC2 API does not have it.
 * - `failed`: no answer, or one that makes no sense.
 * - `skipped`: nobody asked for it, or what it depends on is not known.
 */
export type GapReason = "denied" | "absent" | "failed" | "skipped";

export interface Gap {
  /** In the plural, such as `pods` or `security group rules`. */
  readonly what: string;
  readonly reason: GapReason;
  /** One line, as it was answered. */
  readonly message: string;
  /**
   * With `denied`: the verb and the resource of RBAC, such as `list pods` or `list cninodes.vpcresources.k8s.aws`, with
   * ` in NAMESPACE` for one namespace; or the action of IAM, such as `ec2:DescribeSecurityGroups`.
   */
  readonly permission?: string;
}

export function known<T>(value: T): Fact<T> {
  return { known: true, value };
}

export function unknown(gap: Gap): { readonly known: false; readonly gap: Gap } {
  return { known: false, gap };
}

export function skipped(what: string, message: string): { readonly known: false; readonly gap: Gap } {
  return unknown({ what, reason: "skipped", message });
}

/** The value, or what stands for one that is not known. */
export function valueOr<T>(fact: Fact<T>, otherwise: T): T {
  return fact.known ? fact.value : otherwise;
}

/** The same fact about something else; what was not seen stays so. */
export function mapFact<T, U>(fact: Fact<T>, map: (value: T) => U): Fact<U> {
  return fact.known ? known(map(fact.value)) : fact;
}

/** What could not be looked at among several. */
export function gapsOf(facts: Iterable<Fact<unknown>>): readonly Gap[] {
  return [...facts].flatMap((fact) => (fact.known ? [] : [fact.gap]));
}

/** In one line: `cannot list pods: no permission for list pods`. */
export function gapLine({ what, reason, message, permission }: Gap): string {
  if (permission !== undefined) return `${what} not read: no permission for ${permission}`;
  return `${what} not read${reason === "skipped" ? "" : reason === "absent" ? ": there are none" : ""}: ${message}`;
}
