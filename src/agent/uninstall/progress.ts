import type { CniNode } from "../../kubernetes/objects.ts";
import type { AgentPod, DaemonSet } from "./daemon-set.ts";
import { reportOf } from "./report.ts";

/** How far uninstalling is, from what the API server shows. Pure. */

export interface View {
  readonly daemonSet: DaemonSet;
  /** Of its namespace; those of others are left out here. */
  readonly pods: Iterable<AgentPod>;
  readonly cniNodes: Iterable<CniNode>;
}

export interface NodeProgress {
  readonly node: string;
  readonly isListRemoved: boolean;
  /** Why its list, or its executable, is still there, as far as it is known. */
  readonly why: string;
  readonly attachments: number;
  readonly isExecutableThere: boolean;
}

export interface Progress {
  /** By name. */
  readonly nodes: readonly NodeProgress[];
  /** Nodes that should have an agent's pod and have none, so their names are not known here. */
  readonly unknown: number;
  readonly isDone: boolean;
}

/** A node is one of the DaemonSet's as long as there is a pod for it, whatever state that is in. */
export function progressOf({ daemonSet, pods, cniNodes }: View, mark: string): Progress {
  const reporters = new Map([...cniNodes].map((cniNode) => [cniNode.metadata.name, cniNode]));
  const byNode = new Map<string, AgentPod>();
  for (const pod of pods) {
    if (pod.owner === daemonSet.metadata.uid && pod.node !== "") byNode.set(pod.node, pod);
  }
  const nodes = [...byNode]
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([node, pod]) => nodeProgress(node, pod, reporters.get(node), mark));
  const unknown = Math.max(0, daemonSet.desired - nodes.length);
  return { nodes, unknown, isDone: unknown === 0 && nodes.every(({ isListRemoved }) => isListRemoved) };
}

function nodeProgress(node: string, pod: AgentPod, cniNode: CniNode | undefined, mark: string): NodeProgress {
  const report = cniNode && reportOf(cniNode.metadata);
  if (report?.mark === mark) {
    const { why, attachments } = report;
    const isExecutableThere = report.executable === "kept";
    return { node, isListRemoved: report.list === "removed", why, attachments, isExecutableThere };
  }
  const where = cniNode === undefined ? "it has no CNINode to report on" : "no report";
  const why = `${where}; its pod ${pod.metadata.name} is ${pod.state}`;
  return { node, isListRemoved: false, why, attachments: 0, isExecutableThere: true };
}

/** Names in a line that is printed again and again. */
const NAMES = 5;

/** One line for whoever waits. */
export function lineOf({ nodes, unknown }: Progress): string {
  const left = nodes.filter(({ isListRemoved }) => !isListRemoved);
  const names = left.slice(0, NAMES).map(({ node, why }) => `${node} (${why})`);
  if (left.length > NAMES) names.push(`${left.length - NAMES} more`);
  if (unknown > 0) names.push(`${unknown} without an agent's pod`);
  const done = `the list is removed from ${nodes.length - left.length} of ${nodes.length + unknown} nodes`;
  return names.length === 0 ? done : `${done}; waiting for ${names.join(", ")}`;
}
