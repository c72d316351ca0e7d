import { familyOf } from "../values/ip.ts";
import { isIn } from "./addresses.ts";
import type { End, Filters, Flow, GroupRule, Interface, Known, Peer } from "./facts.ts";

/** Whether the security groups of an interface let a connection pass: any rule of any of its groups is enough. */

export type Passed =
  | { readonly passes: "yes"; readonly rule: GroupRule }
  | { readonly passes: "no" }
  /** A rule could, but what it names is not known. */
  | { readonly passes: "unknown"; readonly why: string };

/** `own`: the interface whose groups decide, on the way out (`isEgress`) or in. */
export function passGroups(
  { rules, prefixLists }: Pick<Filters, "rules" | "prefixLists">,
  flow: Flow,
  own: Interface,
  isEgress: boolean,
): Passed {
  if (!rules.known) return { passes: "unknown", why: rules.why };
  const other = isEgress ? flow.to : flow.from;
  let doubt: string | undefined;
  for (const rule of rules.value) {
    if (rule.isEgress !== isEgress || !own.groups.includes(rule.group) || !takesService(rule, flow)) continue;
    const is = isPeer(rule.peer, other, prefixLists);
    if (is.known && is.value) return { passes: "yes", rule };
    if (!is.known) doubt ??= is.why;
  }
  return doubt === undefined ? { passes: "no" } : { passes: "unknown", why: doubt };
}

/** Groups that rules of these name as a source for such a connection, in the order of the rules. */
export function admittedGroups(
  rules: readonly GroupRule[],
  flow: Flow,
  groups: readonly string[],
): readonly string[] {
  const admitted = rules
    .filter((rule) => !rule.isEgress && groups.includes(rule.group) && takesService(rule, flow))
    .flatMap(({ peer }) => (peer.kind === "group" ? [peer.id] : []));
  return [...new Set(admitted)];
}

const NAMES: Readonly<Record<string, string>> = { "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6" };

/** EC2 gives some protocols a name, and takes their numbers as well. */
export function protocolName(protocol: string): string {
  return NAMES[protocol] ?? protocol;
}

/** The name that rules have for the flow's protocol. */
export function protocolOf({ protocol, to }: Flow): string {
  return protocol === "icmp" && familyOf(to.address) === 6 ? "icmpv6" : protocol;
}

/** An echo request is type 8, in IPv6 128, and code 0. */
export function echoOf(protocol: string): number {
  return protocol === "icmpv6" ? 128 : 8;
}

function takesService({ protocol, fromPort, toPort }: GroupRule, flow: Flow): boolean {
  if (protocol === "-1") return true;
  const wanted = protocolOf(flow);
  if (protocolName(protocol) !== wanted) return false;
  if (fromPort === undefined) return true;
  if (flow.protocol !== "icmp") return fromPort <= flow.port && flow.port <= (toPort ?? fromPort);
  return fromPort === echoOf(wanted) && (toPort === undefined || toPort === -1 || toPort === 0);
}

function isPeer(
  peer: Peer,
  { address, interface: theirs }: End,
  lists: Filters["prefixLists"],
): Known<boolean> {
  switch (peer.kind) {
    case "cidr":
      return { known: true, value: isIn(peer.cidr, address) };
    case "prefix-list": {
      const list = lists.get(peer.id) ?? { known: false, why: `the entries of ${peer.id} were not read` };
      return list.known ? { known: true, value: list.value.some((cidr) => isIn(cidr, address)) } : list;
    }
    case "group":
      // A reference stands for the addresses of the interfaces that have the group.
      if (!theirs.known) return theirs;
      return { known: true, value: theirs.value?.groups.includes(peer.id) === true };
  }
}
