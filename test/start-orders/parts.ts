/** What starts, in any order. */
export const PARTS = ["API server", "kubelet", "aws-node", "agent", "trunk", "policy", "pod"] as const;

export type Part = (typeof PARTS)[number];

/** The parts that start, the first one first. One that is missing never starts. */
export type Order = readonly Part[];

/** All orders of the parts: 5,040 of seven. */
export function ordersOf(parts: readonly Part[] = PARTS): Order[] {
  if (parts.length === 0) return [[]];
  return parts.flatMap((first) =>
    ordersOf(parts.filter((part) => part !== first)).map((rest) => [first, ...rest]),
  );
}
