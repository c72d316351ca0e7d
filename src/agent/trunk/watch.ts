import { readFileSync } from "node:fs";
import type { Cache } from "../../kubernetes/cache.ts";
import { type CniNode, type Node, TRUNK_ANNOTATION } from "../../kubernetes/objects.ts";
import { LinkedAbort } from "../../sys/linked-abort.ts";
import { pause } from "../../sys/timer.ts";
import { messageOf } from "../../text/error-words.ts";
import type { Conditions } from "../conditions.ts";
import type { AgentOptions } from "../options.ts";
import type { Reporter } from "../reporter.ts";
import { type Said, type Trunk, findTrunk } from "./find.ts";
import { recordTrunk } from "./record.ts";
import { askIntrospection, askMetadata } from "./sources.ts";

/** How often the trunk is looked for once it is known: it may be replaced. */
const KNOWN_MS = 30_000;
/** How often until then. */
const UNKNOWN_MS = 5_000;
/** The first look waits at most so long for the CNINode: without it, a trunk that is there would be called missing. */
const FIRST_MS = 5_000;

interface Around {
  readonly options: AgentOptions;
  readonly conditions: Conditions;
  readonly reporter: Reporter;
  readonly cniNodes: Pick<Cache<CniNode>, "get" | "listen" | "whenComplete">;
  readonly nodes: Pick<Cache<Node>, "get" | "listen" | "whenComplete">;
}

/** Looks for the node's trunk, keeps trunk.json and the condition TrunkFound, until the signal is aborted. */
export async function watchTrunk(around: Around, signal: AbortSignal): Promise<void> {
  const { options, conditions, cniNodes, nodes } = around;
  await whenKnown(around, signal);
  while (!signal.aborted) {
    let isFound = false;
    const seen = named(around);
    using changed = new LinkedAbort(signal);
    using both = new DisposableStack();
    const notice = () => {
      if (named(around) !== seen) changed.abort(new Error("another trunk is named"));
    };
    both.defer(cniNodes.listen(notice));
    both.defer(nodes.listen(notice));
    try {
      const said = await lookForTrunk(around);
      isFound = "found" in said;
      tell(around, said);
    } catch (error) {
      conditions.set("TrunkFound", false, messageOf(error));
    }
    await pause(options.timer, isFound ? KNOWN_MS : UNKNOWN_MS, changed.signal);
  }
}

/** Until the CNINode and the node have been listed, but not for ever: without the right to list them they never are. */
async function whenKnown({ options, cniNodes, nodes }: Around, signal: AbortSignal): Promise<void> {
  try {
    await Promise.race([
      Promise.all([cniNodes.whenComplete(signal), nodes.whenComplete(signal)]),
      options.timer.sleep(FIRST_MS, signal),
    ]);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** What the API server's objects say of the trunk, as text to compare. */
function named({ options: { nodeName }, cniNodes, nodes }: Around): string {
  const annotation = nodes.get(nodeName)?.metadata.annotations[TRUNK_ANNOTATION];
  return JSON.stringify([cniNodes.get(nodeName)?.trunk, annotation]);
}

function tell({ options, conditions, reporter }: Around, said: Said<Trunk>): void {
  if ("problem" in said) {
    conditions.set("TrunkFound", false, said.problem);
    reporter.onNode({ type: "Warning", reason: "TrunkMissing", message: said.problem });
    return;
  }
  const { eniId = "", mac } = said.found;
  const name = `${eniId} ${mac}`.trim();
  if (recordTrunk(options.stateDirectory, said.found)) {
    reporter.log("info", `the trunk is ${name}`);
    reporter.onNode({ type: "Normal", reason: "TrunkFound", message: `the trunk is ${name}` });
  }
  conditions.set("TrunkFound", true, name);
}

async function lookForTrunk({ options, cniNodes, nodes }: Around): Promise<Said<Trunk>> {
  const { nodeName, introspection, metadata } = options;
  const trunk = cniNodes.get(nodeName)?.trunk;
  const annotation = nodes.get(nodeName)?.metadata.annotations[TRUNK_ANNOTATION];
  const flag = trunkByFlag(options);
  const [fromAwsNode, fromMetadata] =
    flag === undefined
      ? await Promise.all([askIntrospection(introspection), askMetadata(metadata)])
      : [{ problem: "" }, { problem: "" }];
  return findTrunk({
    flag,
    cniNode: trunk === undefined ? { problem: "the CNINode has no status.trunkInterface" } : { found: trunk },
    annotation:
      annotation === undefined
        ? { problem: `the node has no annotation ${TRUNK_ANNOTATION}` }
        : { found: annotation },
    introspection: fromAwsNode,
    metadata: fromMetadata,
  });
}

function trunkByFlag({ trunkMac, trunkInterface }: AgentOptions): Said<{ readonly mac: string }> | undefined {
  if (trunkMac !== undefined) return { found: { mac: trunkMac } };
  if (trunkInterface === undefined) return undefined;
  try {
    return { found: { mac: readFileSync(`/sys/class/net/${trunkInterface}/address`, "utf8").trim() } };
  } catch {
    return { problem: `--trunk-interface ${trunkInterface}: the node has no such interface` };
  }
}
