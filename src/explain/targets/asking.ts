import type { Api } from "../../facts/api.ts";
import { type Gap, gapLine } from "../../facts/fact.ts";
import type { PodFacts } from "../facts.ts";
import type { Asked, Party, Settled, Wanted } from "../party.ts";
import type { ExplainedPod } from "../pod.ts";
import type { Port } from "../question.ts";
import { familyOf } from "../../values/ip.ts";

/** What finding the ends of a path needs. */
export interface Asking {
  readonly api: Api;
  readonly facts: PodFacts;
  /** The pod, or the node whose network it uses. */
  readonly subject: Party;
  /** Addresses of a name, as whoever runs this sees it. Rejects with Node's error. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** What several questions need is read once. */
  readonly once: Once;
}

/** Gives what was read for a key before, or reads it. */
export type Once = <T>(key: string, read: () => Promise<T>) => Promise<T>;

export function onceEach(): Once {
  const before = new Map<string, Promise<unknown>>();
  return <T>(key: string, read: () => Promise<T>) => {
    const found = (before.get(key) as Promise<T> | undefined) ?? read();
    before.set(key, found);
    return found;
  };
}

/** Families of a pod's addresses, IPv4 first. */
export function familiesOf({ addresses, branch }: ExplainedPod): readonly (4 | 6)[] {
  const all = [
    ...(branch?.readable === true ? branch.addresses.map(({ address }) => address) : []),
    ...addresses,
  ];
  return ([4, 6] as const).filter((family) => all.some((address) => familyOf(address) === family));
}

export function settled(
  what: { readonly asked: Asked; readonly title: string } & Port,
  answer: Settled["answer"],
  why: string,
  notes: readonly string[] = [],
): Settled {
  const { asked, title, protocol, port } = what;
  return { kind: "settled", asked, title, protocol, port, answer, why, notes };
}

export function unseen(what: Parameters<typeof settled>[0], gap: Gap): Settled {
  return settled(what, "cannot say", gapLine(gap));
}

export function wanted(
  what: { readonly asked: Asked; readonly title: string } & Port,
  from: Party,
  to: Party,
  more: Partial<Pick<Wanted, "service" | "family" | "notes">> = {},
): Wanted {
  const { asked, title, protocol, port } = what;
  return {
    kind: "wanted",
    asked,
    title,
    protocol,
    port,
    from,
    to,
    service: undefined,
    family: 4,
    notes: [],
    ...more,
  };
}

/** Why a path of that family is not known: it is not the pod's own. */
export function otherFamily(family: 4 | 6): string {
  return `the pod has no address of IPv${family}: what another plugin (egress-cni) may carry leaves by the node, under the node's groups`;
}

/** Of both ends; undefined when they have none in common. */
export function commonFamily(from: ExplainedPod, to: ExplainedPod): 4 | 6 | undefined {
  const others = familiesOf(to);
  return familiesOf(from).find((family) => others.includes(family));
}
