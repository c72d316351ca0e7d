import { type Labels, type LabelSelector, type Match, matchLabels } from "../policy/label-selector.ts";
import { isIn } from "./addresses.ts";
import type { Flow, NetworkPolicy, Policies, PolicyPeer, PolicyPort, PolicyRule } from "./facts.ts";
import type { NamedPort, PodPlace } from "./places.ts";

/** Whether NetworkPolicies let a connection pass at a pod that they select (networking.k8s.io/v1). */

export type Allowed =
  /** Undefined: none selects the pod. */
  | { readonly allows: "yes"; readonly policy: NetworkPolicy | undefined }
  | { readonly allows: "no"; readonly policies: readonly NetworkPolicy[] }
  | { readonly allows: "unknown"; readonly why: string };

/** A connection as one end's policies see it. */
export interface Passage {
  readonly isEgress: boolean;
  /** The other end's address as it is seen here. */
  readonly address: string;
  /** The pod that has this address by its status; undefined for a node, a machine, and a direct pod's host0. */
  readonly pod: PodPlace | undefined;
  readonly protocol: Flow["protocol"];
  readonly port: number;
  /** It was called by the address of a Service: whether a block that has the endpoint allows that, engines see differently. */
  readonly isByService: boolean;
  /** The other end is the pod's own node. */
  readonly isOwnNode: boolean;
}

type Answer = "yes" | "no" | { readonly why: string };

export function passPolicies(all: Policies, pod: PodPlace, passage: Passage): Allowed {
  const { isEgress, isOwnNode, protocol } = passage;
  const chosen: NetworkPolicy[] = [];
  for (const policy of all.policies) {
    const is = selects(policy, pod, isEgress);
    if (is.matches === true) chosen.push(policy);
    if (is.matches === "unknown") return unknown(`${nameOf(policy)}: ${is.why}`);
  }
  const [first] = chosen;
  // What comes from its own node always arrives: kubelet's probes have to.
  if (first === undefined || (isOwnNode && !isEgress)) return { allows: "yes", policy: undefined };
  if (protocol === "icmp")
    return unknown(`${nameOf(first)} selects the pod, and Kubernetes does not say what that means for ICMP`);
  let doubt: string | undefined;
  for (const policy of chosen) {
    for (const rule of isEgress ? policy.egress : policy.ingress) {
      const answer = passRule(rule, policy, pod, passage, all.namespaces);
      if (answer === "yes") return { allows: "yes", policy };
      if (answer !== "no") doubt ??= `${nameOf(policy)}: ${answer.why}`;
    }
  }
  if (doubt !== undefined) return unknown(doubt);
  if (isOwnNode)
    return unknown(
      `${nameOf(first)} does not allow it, and whether that counts on the way to the pod's own node depends on who enforces it`,
    );
  return { allows: "no", policies: chosen };
}

/** Those that select the pod, of the given direction, as far as that can be told. */
export function selecting(all: Policies, pod: PodPlace, isEgress: boolean): readonly NetworkPolicy[] {
  return all.policies.filter((policy) => selects(policy, pod, isEgress).matches === true);
}

export function nameOf({ namespace, name }: NetworkPolicy): string {
  return `NetworkPolicy ${namespace}/${name}`;
}

function selects({ namespace, podSelector, types }: NetworkPolicy, pod: PodPlace, isEgress: boolean): Match {
  if (namespace !== namespaceOf(pod) || !types.includes(isEgress ? "Egress" : "Ingress"))
    return { matches: false, why: "" };
  return matchLabels(podSelector, pod.labels, "spec.podSelector");
}

function passRule(
  { peers = [], ports = [] }: PolicyRule,
  policy: NetworkPolicy,
  own: PodPlace,
  passage: Passage,
  namespaces: ReadonlyMap<string, Labels>,
): Answer {
  const byPort = anyOf(
    ports.map((port) => isPort(port, passage, passage.isEgress ? passage.pod : own)),
    ports.length === 0,
  );
  if (byPort === "no") return "no";
  const byPeer = anyOf(
    peers.map((peer) => isPeer(peer, policy, passage, namespaces)),
    peers.length === 0,
  );
  return byPeer === "yes" ? byPort : byPeer;
}

/** One yes is enough; a doubt is one only without it. */
function anyOf(answers: readonly Answer[], isForAll: boolean): Answer {
  if (isForAll || answers.includes("yes")) return "yes";
  return answers.find((answer) => answer !== "no") ?? "no";
}

function isPort({ protocol, port, endPort }: PolicyPort, passage: Passage, at: PodPlace | undefined): Answer {
  if (protocol.toLowerCase() !== passage.protocol) return "no";
  if (port === undefined) return "yes";
  if (typeof port === "number")
    return port <= passage.port && passage.port <= (endPort ?? port) ? "yes" : "no";
  // Only pods have ports with names.
  if (at === undefined) return "no";
  if (at.namedPorts === undefined)
    return { why: `it names the port ${port}, and the ports of ${at.name} are not known` };
  const isNamed = (one: NamedPort) =>
    one.name === port && one.protocol === protocol && one.port === passage.port;
  return at.namedPorts.some(isNamed) ? "yes" : "no";
}

function isPeer(
  peer: PolicyPeer,
  policy: NetworkPolicy,
  { address, pod, isByService, isEgress }: Passage,
  namespaces: ReadonlyMap<string, Labels>,
): Answer {
  if (peer.kind === "block") {
    if (!isIn(peer.cidr, address) || peer.except.some((cidr) => isIn(cidr, address))) return "no";
    if (!isByService || !isEgress) return "yes";
    return { why: `whether ${peer.cidr} counts for a Service's endpoint depends on who enforces it` };
  }
  if (pod === undefined) return "no";
  const { namespaceSelector, podSelector } = peer;
  const inNamespace =
    namespaceSelector === undefined
      ? yesOrNo(namespaceOf(pod) === policy.namespace)
      : inSelected(namespaceSelector, namespaceOf(pod), namespaces);
  if (inNamespace === "no") return "no";
  const isSelected =
    podSelector === undefined ? "yes" : answerOf(matchLabels(podSelector, pod.labels, "podSelector"));
  return isSelected === "yes" ? inNamespace : isSelected;
}

function inSelected(selector: LabelSelector, name: string, namespaces: ReadonlyMap<string, Labels>): Answer {
  const labels = namespaces.get(name);
  if (labels === undefined) return { why: `the labels of namespace ${name} were not read` };
  return answerOf(matchLabels(selector, labels, "namespaceSelector"));
}

function answerOf(match: Match): Answer {
  return match.matches === "unknown" ? { why: match.why } : yesOrNo(match.matches);
}

function yesOrNo(is: boolean): Answer {
  return is ? "yes" : "no";
}

function namespaceOf({ name }: PodPlace): string {
  return name.split("/")[0] ?? "";
}

function unknown(why: string): Allowed {
  return { allows: "unknown", why };
}
