import type { Interface } from "../verdict/facts.ts";
import { passGroups } from "../verdict/group-rules.ts";
import type { RuleFact } from "./facts.ts";

/** Whether the rules of security groups let a connection pass between interfaces of one VPC: the verdict's own judgement. */

export interface Flow {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** Groups of the other end. */
  readonly peerGroups: readonly string[];
  /** IPv4 or IPv6 address of the other end; undefined when it is not known. */
  readonly peerAddress: string | undefined;
}

const ANSWERS = { yes: "yes", no: "no", unknown: "maybe" } as const;

/** `maybe`: only a rule with a prefix list could, whose entries are not looked at. */
export function lets(
  rules: readonly RuleFact[],
  groups: readonly string[],
  isEgress: boolean,
  { protocol, port, peerGroups, peerAddress = "" }: Flow,
): "yes" | "no" | "maybe" {
  const own = interfaceWith(groups);
  const here = { address: "", interface: { known: true, value: own } } as const;
  const there = {
    address: peerAddress,
    interface: { known: true, value: interfaceWith(peerGroups) },
  } as const;
  const [from, to] = isEgress ? [here, there] : [there, here];
  const filters = { rules: { known: true, value: rules }, prefixLists: new Map() } as const;
  return ANSWERS[passGroups(filters, { from, to, protocol, port }, own, isEgress).passes];
}

/** Its groups are all that counts. */
function interfaceWith(groups: readonly string[]): Interface {
  return { id: "", groups, subnet: "", vpc: "" };
}
