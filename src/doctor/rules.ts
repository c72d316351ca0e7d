import { canonicalIp, contains, parsePrefix } from "../values/ip.ts";
import type { RuleFact } from "./facts.ts";

/** Whether the rules of security groups let a connection pass, as far as addresses in the same VPC go. */

export interface Flow {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** Groups of the other end. */
  readonly peerGroups: readonly string[];
  /** IPv4 or IPv6 address of the other end; undefined when it is not known. */
  readonly peerAddress: string | undefined;
}

/** `maybe`: only a rule with a prefix list could, whose entries are not looked at. */
export function lets(
  rules: readonly RuleFact[],
  groups: readonly string[],
  isEgress: boolean,
  flow: Flow,
): "yes" | "no" | "maybe" {
  let answer: "no" | "maybe" = "no";
  for (const rule of rules) {
    if (rule.isEgress !== isEgress || !groups.includes(rule.group) || !takesPort(rule, flow)) continue;
    if (rule.prefixList !== undefined) answer = "maybe";
    else if (takesPeer(rule, flow)) return "yes";
  }
  return answer;
}

function takesPort({ protocol, fromPort, toPort }: RuleFact, flow: Flow): boolean {
  if (protocol === "-1") return true;
  if (protocol !== flow.protocol) return false;
  // Without ports, or from -1, it is all of them.
  if (fromPort === undefined || fromPort === -1) return true;
  return fromPort <= flow.port && flow.port <= (toPort ?? fromPort);
}

function takesPeer({ cidr, peerGroup }: RuleFact, { peerGroups, peerAddress }: Flow): boolean {
  if (peerGroup !== undefined) return peerGroups.includes(peerGroup);
  return cidr !== undefined && peerAddress !== undefined && isIn(cidr, peerAddress);
}

function isIn(cidr: string, address: string): boolean {
  const block = parsePrefix(cidr);
  return block !== undefined && canonicalIp(address) !== undefined && contains(block, address);
}
