import type { IpFamily } from "../values/ip.ts";
import { Protocol, Table } from "../netlink/route/constants.ts";
import { type ListedRule, type Rule, isForAll } from "../netlink/route/rule.ts";
import { undo } from "./apply.ts";
import { DatapathError } from "./error.ts";
import type { Kernel } from "./kernel.ts";
import { LOCAL_PRIORITY_STRICT, STRICT_PRIORITY } from "./numbers.ts";
import type { Operation } from "./operation.ts";
import { readRules } from "./read.ts";

/**
 * What strict mode changes for the whole node, as aws-cni does: the rule for table local moves behind the pods' rules,
 * so that even traffic to the node and between its pods leaves by the branch.
 */

const FAMILIES: readonly IpFamily[] = [4, 6];
const IPPROTO_ICMPV6 = 58;

/** tcp_early_demux delivers packets for a local socket before rules are consulted, in both families. */
export const EARLY_DEMUX = "ipv4/tcp_early_demux";

/** For the log: what strict mode loses while it is on. */
export const EARLY_DEMUX_WARNING =
  'net.ipv4.tcp_early_demux is on: TCP probes of kubelet fail for pods in strict mode; set "manageEarlyDemux": true, or switch it off on the node';

export function isEarlyDemuxOn(kernel: Kernel): boolean {
  const value = kernel.readSysctl("node", EARLY_DEMUX);
  return value !== undefined && value !== "0";
}

export function setEarlyDemux(kernel: Kernel, value: string): void {
  const key = EARLY_DEMUX;
  const [problem] = undo(kernel, [{ kind: "sysctl", at: "node", key, value, optional: true }]);
  if (problem !== undefined) throw new DatapathError("kernel", problem.message, { cause: problem });
}

/** Where a family's rule for table local stands: before the strict pods' rules, behind them, or nowhere. */
export type LocalRulePlace = "before" | "behind" | "missing";

/**
 * Software that removes foreign rules (systemd-networkd does, unless configured not to) may have removed this one: the
 * node then accepts no packets at all. Undefined for a family that this kernel lacks.
 */
export function localRulePlace(kernel: Kernel, family: IpFamily): LocalRulePlace | undefined {
  const found = localRules(kernel, family);
  if (found === undefined) return undefined;
  if (found.some(isBefore)) return "before";
  return found.length > 0 ? "behind" : "missing";
}

/** A family's rules for table local, as they are. */
export interface LocalRules {
  readonly family: IpFamily;
  readonly rules: readonly Rule[];
}

/** The families without a rule of protocol kernel behind the strict pods' rules, or with any rule before them. */
export function localRulesToMove(kernel: Kernel, families: readonly IpFamily[]): LocalRules[] {
  return families.flatMap((family) => {
    const rules = localRules(kernel, family);
    return rules === undefined || (hasKernelRule(rules) && !rules.some(isBefore)) ? [] : [{ family, rules }];
  });
}

/**
 * Whether there is one behind the strict pods' rules that has protocol kernel, so that no other software removes it.
 */
function hasKernelRule(rules: readonly Rule[]): boolean {
  return rules.some((rule) => !isBefore(rule) && rule.protocol === Protocol.KERNEL);
}

/** The families without such a rule. */
export function localRulesMissing(kernel: Kernel, families: readonly IpFamily[] = FAMILIES): LocalRules[] {
  return families.flatMap((family) =>
    localRulePlace(kernel, family) === "missing" ? [{ family, rules: [] }] : [],
  );
}

/**
 * Whether the rule is in the kernel's own place or missing. One that somebody else has moved is not ours to put back.
 */
export function isOursToUndo({ rules }: LocalRules): boolean {
  return rules.length === 0 || rules.some(isBefore);
}

/** Moves the rule for table local behind the pods' rules: the new one is added before the old one is removed. */
export function moveLocalRule(kernel: Kernel, found: readonly LocalRules[]): void {
  carryOut(kernel, [
    ...found.filter(({ rules }) => !hasKernelRule(rules)).flatMap(putBehind),
    // Re-add the ICMPv6 rule after the rule for table local: DELRULE removes the first match, and one left by a killed call
    // would match first.
    ...(found.some(({ family }) => family === 6)
      ? [removed(ROUTER_ICMP), added({ ...ROUTER_ICMP, ...BY_KERNEL })]
      : []),
    ...found.flatMap(({ family, rules }) =>
      rules.filter(isBefore).map(({ priority }) => removed({ family, priority, table: Table.LOCAL })),
    ),
  ]);
}

/** Replaces a rule made by aws-cni or an earlier version of ours; the node is never without one. */
function putBehind({ family, rules }: LocalRules): Operation[] {
  const ours = localRule(family, LOCAL_PRIORITY_STRICT);
  if (!rules.some(({ priority }) => priority === LOCAL_PRIORITY_STRICT)) return [added(ours)];
  const meanwhile = localRule(family, LOCAL_PRIORITY_MEANWHILE);
  const { protocol: _, ...theirs } = ours;
  return [added(meanwhile), removed(theirs), added(ours), removed(meanwhile)];
}

/** Moves the rule for table local back to the kernel's own place. */
export function restoreLocalRule(kernel: Kernel, families: readonly IpFamily[]): void {
  const found = families.map((family) => ({ family, rules: localRules(kernel, family) ?? [] }));
  carryOut(kernel, [
    ...found
      .filter(({ rules }) => !rules.some(({ priority }) => priority === 0))
      .map(({ family }) => added(localRule(family, 0))),
    ...found.flatMap(({ family, rules }) =>
      rules
        .filter(({ priority }) => [LOCAL_PRIORITY_STRICT, LOCAL_PRIORITY_MEANWHILE].includes(priority))
        .map(({ priority }) => removed({ family, priority, table: Table.LOCAL })),
    ),
    ...(families.includes(6) ? [removed(ROUTER_ICMP)] : []),
  ]);
}

/** Whether any pod of the node, ours or aws-cni's, is in strict mode. */
export function hasStrictPods(kernel: Kernel): boolean {
  return FAMILIES.some((family) =>
    readRules(kernel, "node", family).some(
      (rule) => rule.priority === STRICT_PRIORITY && rule.inputDevice !== undefined,
    ),
  );
}

/** Used while a rule is replaced. If the call is killed then, this one stays and serves as well. */
const LOCAL_PRIORITY_MEANWHILE = LOCAL_PRIORITY_STRICT + 1;

/** systemd-networkd does not remove rules of protocol kernel. */
const BY_KERNEL = { protocol: Protocol.KERNEL } as const;

/** The node itself answers the router's neighbour discovery, whichever device it comes in by. */
const ROUTER_ICMP: Rule = {
  family: 6,
  priority: 0,
  table: Table.LOCAL,
  from: { address: "fe80:ec2::1", length: 128 },
  ipProtocol: IPPROTO_ICMPV6,
};

function localRule(family: IpFamily, priority: number): Rule {
  return { family, priority, table: Table.LOCAL, ...BY_KERNEL };
}

/** The rules for all packets, not those that look up table local for some. */
function localRules(kernel: Kernel, family: IpFamily): ListedRule[] | undefined {
  const rules = readRules(kernel, "node", family);
  // A kernel without IPv6 has no IPv6 rules at all; one with IPv6 has those for main and default.
  if (family === 6 && rules.length === 0) return undefined;
  return rules.filter((rule) => rule.table === Table.LOCAL && isForAll(rule));
}

function isBefore({ priority }: Rule): boolean {
  return priority <= STRICT_PRIORITY;
}

function added(rule: Rule): Operation {
  return { kind: "rule", at: "node", rule };
}

function removed(rule: Rule): Operation {
  return { kind: "rule", at: "node", rule, absent: true };
}

/** One at a time: if the new rule is refused, the old one must not be removed, or the node is cut off. */
function carryOut(kernel: Kernel, operations: readonly Operation[]): void {
  for (const operation of operations) {
    const [problem] = undo(kernel, [operation]);
    if (problem !== undefined) {
      throw new DatapathError("kernel", `the rule for table local could not be moved: ${problem.message}`, {
        cause: problem,
      });
    }
  }
}
