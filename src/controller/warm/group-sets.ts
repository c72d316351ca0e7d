/** Sets of security groups, in any order. */

export function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

/** The same for the same namespace and groups. */
export function keyOfSet(namespace: string, groups: readonly string[]): string {
  return [namespace, ...groups.toSorted()].join(" ");
}

/**
 * Whether a pod can have just these groups, by the groups of each of its namespace's policies: some of them together give
 * them. Whether any pod's labels are such, the next pod shows.
 */
export function canGive(policies: readonly (readonly string[])[], groups: readonly string[]): boolean {
  const given = policies.filter((one) => one.every((group) => groups.includes(group))).flat();
  return groups.length > 0 && groups.every((group) => given.includes(group));
}
