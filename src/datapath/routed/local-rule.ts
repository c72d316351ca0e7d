import type { IpFamily } from "../../values/ip.ts";
import { Protocol, Table } from "../../netlink/route/constants.ts";
import { type ListedRule, type Rule, isForAll } from "../../netlink/route/rule.ts";
import { undo } from "../apply.ts";
import { DatapathError } from "../error.ts";
import type { Kernel } from "../kernel.ts";
import { LOCAL_PRIORITY_STRICT, STRICT_PRIORITY } from "../numbers.ts";
import type { Operation } from "../operation.ts";
import { readRules } from "../read.ts";

/**
 * What strict mode changes for the whole node, as aws-cni does: the rule for table local comes after those of the pods,
 * so that even traffic between pods of one node, or to the node, leaves by the branch.
 */

const FAMILIES: readonly IpFamily[] = [4, 6];
const IPPROTO_ICMPV6 = 58;

/** tcp_early_demux delivers what comes for a local socket before the rules are asked; both families obey it. */
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
 * Whoever removes rules that it did not make (systemd-networkd does, unless it is told not to) may have removed this one:
 * then the node takes nothing in any more. Undefined for a family that this kernel lacks.
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

/** Those of the families that have none of the kernel's behind the strict pods' rules, or any before them. */
export function localRulesToMove(kernel: Kernel, families: readonly IpFamily[]): LocalRules[] {
  return families.flatMap((family) => {
    const rules = localRules(kernel, family);
    return rules === undefined || (hasKernelRule(rules) && !rules.some(isBefore)) ? [] : [{ family, rules }];
  });
}

/** Whether there is one behind the strict pods' rules that nobody takes for his own to remove. */
function hasKernelRule(rules: readonly Rule[]): boolean {
  return rules.some((rule) => !isBefore(rule) && rule.protocol === Protocol.KERNEL);
}

/** Those of the families that have none. */
export function localRulesMissing(kernel: Kernel, families: readonly IpFamily[] = FAMILIES): LocalRules[] {
  return families.flatMap((family) =>
    localRulePlace(kernel, family) === "missing" ? [{ family, rules: [] }] : [],
  );
}

/** Of those, the ones that the kernel had in its own place, or nobody: what another maker put behind is not ours to undo. */
export function isOursToUndo({ rules }: LocalRules): boolean {
  return rules.length === 0 || rules.some(isBefore);
}

/** Puts the rule for table local behind those of the pods: it is there before the one in front goes. */
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

/** What aws-cni put there, or an earlier version of ours, is replaced, and the node never without. */
function putBehind({ family, rules }: LocalRules): Operation[] {
  const ours = localRule(family, LOCAL_PRIORITY_STRICT);
  if (!rules.some(({ priority }) => priority === LOCAL_PRIORITY_STRICT)) return [added(ours)];
  const meanwhile = localRule(family, LOCAL_PRIORITY_MEANWHILE);
  const { protocol: _, ...theirs } = ours;
  return [added(meanwhile), removed(theirs), added(ours), removed(meanwhile)];
}

/** Puts the rule for table local back to where the kernel has it. */
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

/** Whether some pod of the node, of whichever maker, is bound to its branch in strict mode. */
export function hasStrictPods(kernel: Kernel): boolean {
  return FAMILIES.some((family) =>
    readRules(kernel, "node", family).some(
      (rule) => rule.priority === STRICT_PRIORITY && rule.inputDevice !== undefined,
    ),
  );
}

/** While a rule is replaced; a call that was killed then leaves this one, which does as well. */
const LOCAL_PRIORITY_MEANWHILE = LOCAL_PRIORITY_STRICT + 1;

/** systemd-networkd takes what the kernel made itself for nobody's to remove. */
const BY_KERNEL = { protocol: Protocol.KERNEL } as const;

/** The router's neighbour discovery is answered by the node itself, whatever device it comes in by. */
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

/** The rules themselves, not those that ask table local for some packets only. */
function localRules(kernel: Kernel, family: IpFamily): ListedRule[] | undefined {
  const rules = readRules(kernel, "node", family);
  // A kernel without IPv6 has none of its rules at all; one with it has those for main and default.
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

/** One after the other: were the old rule gone although the new one was refused, the node would be cut off. */
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
