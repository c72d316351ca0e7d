import { EXIT } from "../../facts/exit-status.ts";
import { listOf } from "../json.ts";
import type { NodeState, RecordState } from "./status.ts";

/** The shape of `branchline status --local -o json`: docs/schemas/status.json. */

export function nodeExitOf({ problems, gaps }: Pick<NodeState, "problems" | "gaps">): 0 | 1 | 3 {
  if (problems.some(({ severity }) => severity === "problem")) return EXIT.problems;
  return gaps.length > 0 ? EXIT.cannotLook : EXIT.fine;
}

/** The text in pieces. */
export function* nodeJsonOf(
  node: NodeState,
  about: { readonly branchline: string },
): Generator<string, void, undefined> {
  const { now, problems, gaps, trunk, agent, records, strangers } = node;
  const head = {
    version: 1,
    branchline: about.branchline,
    at: new Date(now).toISOString(),
    place: "node",
    exit: nodeExitOf(node),
    trunk: trunk && { mac: trunk.mac, device: trunk.device, up: trunk.isUp },
    agent,
  };
  yield JSON.stringify(head, undefined, 2).slice(0, -2);
  yield* listOf("problems", problems, ({ severity, kind, about: what, message }) => ({
    severity,
    kind,
    about: what,
    message,
  }));
  yield* listOf("unknown", gaps, (message) => ({ message }));
  yield* listOf("records", records, recordOf);
  yield* listOf("devicesWithoutRecord", strangers, ({ name, vlan }) => ({ name, vlan }));
  yield "\n}\n";
}

function recordOf({ file, vlan, state, record, differences, rules }: RecordState) {
  const { pod } = record ?? {};
  return {
    file,
    vlan,
    state,
    eni: record?.eniId,
    pod: pod?.name === undefined ? undefined : { namespace: pod.namespace, name: pod.name, uid: pod.uid },
    container: record?.containerId,
    interface: record?.ifName,
    addresses: record?.addresses,
    datapath: record?.datapath,
    mode: record?.datapath === "routed" ? record.mode : undefined,
    rules,
    differences,
  };
}
