/**
 * Whether everything up to version `b` is in what is of version `a`. Versions of one resource are decimal numbers that grow
 * (Kubernetes 1.35, "comparable resource versions"; all servers on etcd before that). Undefined for any other text, of which
 * only equality means something.
 */
export function includes(a: string, b: string): boolean | undefined {
  if (a === b) return true;
  if (!NUMBER.test(a) || !NUMBER.test(b)) return undefined;
  // They may have more digits than a number holds.
  return a.length === b.length ? a > b : a.length > b.length;
}

const NUMBER = /^[1-9][0-9]*$/;
