import type { World } from "./world.ts";

/**
 * What may come of an operation: in most cases one thing. Written from README.md, docs/architecture.md and
 * docs/configuration.md, and from nothing of the plugin's own.
 */
export interface Outcome {
  readonly world: World;
  /** Of each call; undefined where any answer will do. */
  readonly answers: readonly (Expected | undefined)[];
  /** Sandboxes whose namespaces it is about. */
  readonly touched: readonly number[];
}

export interface Expected {
  /** 0 for success, else the error's code. */
  readonly code: number;
  /** The addresses of an ADD's result. */
  readonly addresses?: readonly string[];
}

export const DONE: Expected = { code: 0 };

export const Code = { unknown: 3, annotation: 101, held: 102, kernel: 103, namespace: 104 } as const;
