import type { ExplainedPod } from "./pod.ts";
import type { Port } from "./question.ts";

/** Who is to reach whom, before EC2 has been asked about any of them. */

export type Party =
  | { readonly kind: "pod"; readonly pod: ExplainedPod }
  /** `name`: of the Node. */
  | { readonly kind: "node"; readonly name: string }
  /** `name`: as it was asked for. */
  | { readonly kind: "address"; readonly name: string; readonly address: string }
  /** What each node has for itself, such as NodeLocal DNS. */
  | { readonly kind: "node-local"; readonly name: string; readonly address: string };

export type Asked = "dns" | "probe" | "to" | "to-pod" | "from-node" | "from-pod";

/** A path to be judged. */
export interface Wanted extends Port {
  readonly kind: "wanted";
  readonly asked: Asked;
  /** Such as `DNS by udp`. Paths of one title are the endpoints of one Service. */
  readonly title: string;
  readonly from: Party;
  readonly to: Party;
  /** The address of the ClusterIP Service of which `to` is an endpoint; undefined when it is called by its own. */
  readonly service: string | undefined;
  /** Which address of theirs is meant. */
  readonly family: 4 | 6;
  /** What was taken for what, and what was left out. */
  readonly notes: readonly string[];
}

/** A path that is judged already: nothing of EC2 decides. */
export interface Settled extends Port {
  readonly kind: "settled";
  readonly asked: Asked;
  readonly title: string;
  readonly answer: "reaches" | "does not reach" | "cannot say";
  /** Empty for `reaches`. */
  readonly why: string;
  readonly notes: readonly string[];
}

export type Target = Wanted | Settled;

export interface Targets {
  readonly targets: readonly Target[];
  /** What is no path, such as that there are no probes. */
  readonly notes: readonly string[];
}

/** NAMESPACE/NAME. */
export function nameOf({ namespace, name }: Pick<ExplainedPod, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

/** As it is called in sentences. */
export function partyName(party: Party): string {
  switch (party.kind) {
    case "pod":
      return nameOf(party.pod);
    case "node":
      return `node ${party.name}`;
    case "address":
    case "node-local":
      return party.name;
  }
}

/** A pod on the node's network is its node. */
export function partyOf(pod: ExplainedPod): Party {
  return pod.usesHostNetwork ? { kind: "node", name: pod.node } : { kind: "pod", pod };
}
