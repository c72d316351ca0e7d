/**
 * The datapaths. Each has a folder beside this file and a line in the table below: what configuration, records and CHECK
 * must know of it before any of its code is loaded.
 */

import type { Netns } from "./operation.ts";

/** `strict`: nothing goes past the branch, not even between pods of one node. `standard`: the node has its own ways. */
export type EnforcingMode = "standard" | "strict";

export interface Traits {
  /** The modes that it can enforce; the first is the default. */
  readonly modes: readonly [EnforcingMode, ...EnforcingMode[]];
  /**
   * Where the branch's VLAN device is. In the pod it is the pod's interface, and the primary's stays beside it as a way to
   * the node: the configuration says for which networks. On the node, the pod keeps its veth and sends everything by it.
   */
  readonly branchAt: Netns;
}

export const DATAPATHS = {
  direct: { modes: ["standard"], branchAt: "pod" },
  routed: { modes: ["strict", "standard"], branchAt: "node" },
} as const satisfies Readonly<Record<string, Traits>>;

export type DatapathName = keyof typeof DATAPATHS;

export function isDatapath(name: unknown): name is DatapathName {
  return typeof name === "string" && Object.hasOwn(DATAPATHS, name);
}

export function traitsOf(name: DatapathName): Traits {
  return DATAPATHS[name];
}

/** For errors, after the value: `is neither "direct" nor "routed"`. */
export function notADatapath(...more: readonly string[]): string {
  return `is neither ${[...Object.keys(DATAPATHS), ...more].map((name) => `"${name}"`).join(" nor ")}`;
}
