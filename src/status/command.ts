import type { Around, CommonFlags } from "../facts/around.ts";
import { CannotLookError } from "../facts/exit-status.ts";
import { gapLine, gapsOf, valueOr } from "../facts/fact.ts";
import type { Api } from "../facts/api.ts";
import { refuseNamespace, requireNamespace } from "../facts/namespaces.ts";
import { readNodes } from "../facts/nodes.ts";
import { openSession, type Session } from "../facts/session.ts";
import { collectGarbageSoon, keepHeapSmall } from "../sys/heap.ts";
import { UsageError } from "../sys/command-line.ts";
import { quote } from "../text/json.ts";
import { didYouMean } from "../text/nearest.ts";
import { assemble } from "./assemble.ts";
import { exitOf } from "./exit.ts";
import type { ClusterFacts } from "./facts.ts";
import { jsonOf } from "./json.ts";
import { type ApiFacts, readAboutNodes, readOthers } from "./read.ts";
import { readAhead, readEc2 } from "./read-ec2.ts";
import { assembleNode } from "./local/assemble.ts";
import { nodeExitOf, nodeJsonOf } from "./local/json.ts";
import { readNode } from "./local/read.ts";
import { nodeLinesOf } from "./local/text.ts";
import { linesOf } from "./text.ts";

export interface StatusFlags extends CommonFlags {
  readonly node?: string | undefined;
  /** This node, without API server and EC2. */
  readonly local: boolean;
  /** With `local`. */
  readonly stateDir: string;
}

/** Characters that are written at once. */
const PIECE = 64 * 1024;

/** `branchline status`. Gives the exit status. UsageError, KubeconfigError, CannotLookError. */
export async function status(flags: StatusFlags, around: Around): Promise<number> {
  if (flags.local) return localStatus(flags, around);
  keepHeapSmall();
  collectGarbageSoon();
  const facts = await look(flags, around);
  const found = assemble(facts);
  const names = valueOr(facts.groupNames, new Map());
  const { program, style, width } = around;
  const text =
    flags.output === "json"
      ? jsonOf(found, { branchline: around.version, names })
      : ended(linesOf(found, { program, style, width, names }));
  writeAll(text, around);
  return exitOf(found.problems, found.gaps);
}

function localStatus({ stateDir, output, node, namespace }: StatusFlags, around: Around): number {
  if (node !== undefined) throw new UsageError("--node names a node of the cluster, and --local is this one");
  refuseNamespace(namespace);
  const found = assembleNode(readNode(stateDir, around.now()));
  const { style, width, version } = around;
  writeAll(
    output === "json"
      ? nodeJsonOf(found, { branchline: version })
      : ended(nodeLinesOf(found, { style, width })),
    around,
  );
  return nodeExitOf(found);
}

async function look(flags: StatusFlags, around: Around): Promise<ClusterFacts> {
  using session = openSession(flags, around);
  const { node } = flags;
  // Of one node all namespaces, unless told.
  const isWhole = node !== undefined && flags.namespace === undefined;
  const scope = { namespace: isWhole ? undefined : session.namespace, node };
  const aboutNodes = readAboutNodes(session.api, scope);
  const others = readOthers(session.api, scope);
  // It is awaited below, unless something else fails first.
  others.catch(() => {});
  const { nodes, cniNodes } = await aboutNodes;
  const ec2 = session.ec2(valueOr(nodes, []).find(({ region }) => region !== undefined)?.region);
  const ahead = readAhead(ec2, { nodes, cniNodes }, scope);
  ahead.catch(() => {});
  const api = { ...(await others), nodes, cniNodes };
  requireSomething(api);
  await requireNode(session.api, api.nodes, node);
  await requireNamespaceOf(api, flags, session, around);
  const ofEc2 = await readEc2(ec2, api, await ahead);
  return { ...api, ...ofEc2, now: session.api.client.serverTime ?? around.now() };
}

/** CannotLookError when nothing at all could be read. */
function requireSomething({ pods, nodes, policies }: ApiFacts): void {
  const [gap] = gapsOf([pods, nodes, policies]);
  if (gap !== undefined && !pods.known && !nodes.known && !policies.known)
    throw new CannotLookError(gapLine(gap));
}

/** CannotLookError when the node is none of the cluster's; `nodes`: those of its name. */
async function requireNode(api: Api, nodes: ApiFacts["nodes"], node: string | undefined): Promise<void> {
  if (node === undefined || !nodes.known || nodes.value.length > 0) return;
  const names = valueOr(await readNodes(api), []).map(({ name }) => name);
  throw new CannotLookError(`there is no node ${quote(node)}${didYouMean(node, names)}`);
}

/** CannotLookError when the namespace that was asked for is not there: one with something in it is. */
async function requireNamespaceOf(
  { pods, policies, scope }: ApiFacts,
  flags: StatusFlags,
  session: Session,
  { warn }: Around,
): Promise<void> {
  const { namespace } = scope;
  if (namespace === undefined || !pods.known || !policies.known) return;
  if (policies.value.length > 0 || pods.value.some((pod) => pod.namespace === namespace)) return;
  const hint =
    flags.namespace === undefined
      ? ", which the kubeconfig's context names; -n gives another one, -A all"
      : "";
  const unsure = await requireNamespace(session.api, namespace, hint);
  if (unsure !== undefined) warn(`branchline: ${unsure}`);
}

function* ended(lines: Iterable<string>): Generator<string, void, undefined> {
  for (const line of lines) yield `${line}\n`;
}

/** In pieces of some size: a system call for each line would take longer than all else. */
function writeAll(pieces: Iterable<string>, { write }: Around): void {
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < PIECE) continue;
    write(text);
    text = "";
  }
  write(text);
}
