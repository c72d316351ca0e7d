// What the table does not say of the direct datapath: with which address each side sees the other, in both families.
import type { Agent, Target } from "./agent.ts";
import { agentIp, clusterIp, nodeIp, ports, regularIp, type Family, type World } from "./world.ts";

export interface Call {
  readonly what: string;
  readonly agent: Agent;
  readonly to: Target;
  /** The server's name and the client's address as it is seen there; empty: no answer. */
  readonly reply: string;
}

/** Around the direct pod `pod1`, and `pod4`, its neighbour of the same kind. */
export function callsOf(world: World, family: Family): Call[] {
  const [pod, neighbour] = [world.subjects.get("direct"), world.neighbours.get("direct")];
  if (pod === undefined || neighbour === undefined) throw new Error("no direct pods");
  const [own, primary] = [String(pod.branch[family]), pod.primary[family]];
  const [machine, node] = [String(world.machineHost[family]), nodeIp[family]];
  const call = (what: string, agent: Agent, host: string, port: number, reply: string): Call => ({
    what,
    agent,
    to: { host, port },
    reply,
  });
  return [
    call("a machine → the pod", world.machine, own, ports.branch, `pod1 ${machine}`),
    call("the pod → a machine", pod.agent, machine, ports.branch, `machine ${own}`),
    call("its neighbour → the pod", neighbour.agent, own, ports.branch, `pod1 ${neighbour.branch[family]}`),
    call("its neighbour → a closed port", neighbour.agent, own, ports.nobody, ""),
    call("a pod without a branch → the pod", world.regular, own, ports.branch, `pod1 ${regularIp[family]}`),
    call("a pod without a branch → a closed port", world.regular, own, ports.node, ""),
    ...Object.values(ports).map((port) =>
      call(`the node → the pod, port ${port}`, world.node, own, port, `pod1 ${node}`),
    ),
    call("the pod → the node", pod.agent, node, ports.nobody, `node ${primary}`),
    call("the pod → an agent on the node", pod.agent, agentIp[family], ports.nobody, `node ${primary}`),
    call("the node → the primary", world.node, primary, ports.nobody, `pod1 ${node}`),
    call(
      "a pod without a branch → the primary",
      world.regular,
      primary,
      ports.nobody,
      `pod1 ${regularIp[family]}`,
    ),
    call("a machine → the primary", world.machine, primary, ports.node, `pod1 ${machine}`),
    call("the pod → a Service", pod.agent, clusterIp[family], ports.node, `machine ${primary}`),
    call(
      "its neighbour → the pod's Service",
      neighbour.agent,
      pod.ownService[family],
      ports.both,
      `pod1 ${neighbour.primary[family]}`,
    ),
  ];
}
