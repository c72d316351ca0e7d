interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** By code units, not by locale: the order is the same everywhere. */
export function byNamespaceAndName(a: Named, b: Named): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name);
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
