import type { Authority, Leaf, Lifetime } from "./certificates.ts";

/**
 * What to do next about certificates. Pure. Two replicas decide for themselves, and share an authority through a Secret.
 *
 * An authority signs only once it was registered at the look before: API servers hear of a registration a moment after it
 * is there. Until then the one before it signs, which stays registered as long as it is valid. So at any moment every
 * leaf in use is trusted.
 */

export interface Lifetimes {
  readonly authority: Lifetime;
  readonly leaf: Lifetime;
}

export interface Facts {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly lifetimes: Lifetimes;
  /** The Secret's, if they are valid. */
  readonly current: Authority | undefined;
  readonly previous: Authority | undefined;
  /** The certificates that API servers are told to trust. */
  readonly registered: readonly string[];
  /** The same at the look before; undefined at the first one. */
  readonly registeredBefore: readonly string[] | undefined;
  /** The registration leads to us but for its certificates. */
  readonly leadsHere: boolean;
  /** In use. */
  readonly leaf: Leaf | undefined;
}

export type Action =
  /** Make a new authority; the current one becomes the previous one. */
  | { readonly do: "renew" }
  /** Have these trusted, and no others. */
  | { readonly do: "register"; readonly bundle: readonly string[] }
  | { readonly do: "sign"; readonly by: Authority };

/** Undefined: nothing, until time has passed or somebody has changed something. */
export function decide(facts: Facts): Action | undefined {
  const { now, lifetimes, current, previous, registered, leadsHere, leaf } = facts;
  if (current === undefined || isOld(current.notAfter, lifetimes.authority, now)) return { do: "renew" };
  const bundle = [current, ...(previous === undefined ? [] : [previous])].map(
    ({ certificate }) => certificate,
  );
  if (!leadsHere || !isSame(registered, bundle)) return { do: "register", bundle };
  const by = signerOf(facts, current);
  const isDue =
    leaf === undefined || leaf.issuer !== by.certificate || isOld(leaf.notAfter, lifetimes.leaf, now);
  return isDue ? { do: "sign", by } : undefined;
}

function signerOf(
  { now, lifetimes, previous, registered, registeredBefore = [], leaf }: Facts,
  current: Authority,
): Authority {
  // What it signs ends with it, perhaps before the next look. By then the current one has long been registered.
  const isEnding = previous === undefined || isOld(previous.notAfter, lifetimes.leaf, now);
  const newestFirst = isEnding ? [current] : [current, previous];
  const isRegistered = ({ certificate }: Authority) => registered.includes(certificate);
  return (
    newestFirst.find((one) => isRegistered(one) && registeredBefore.includes(one.certificate)) ??
    newestFirst.find(({ certificate }) => certificate === leaf?.issuer) ??
    newestFirst.findLast(isRegistered) ??
    current
  );
}

function isOld(notAfter: number, { validMs, renewMs }: Lifetime, now: number): boolean {
  return notAfter - now <= validMs - renewMs;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && others.every((one) => some.includes(one));
}
