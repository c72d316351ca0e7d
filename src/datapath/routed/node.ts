import type { IpFamily } from "../../netlink/ip.ts";
import { Protocol, Table } from "../../netlink/route/constants.ts";
import type { ListedRule, Rule } from "../../netlink/route/rule.ts";
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

export function isEarlyDemuxOn(kernel: Kernel): boolean {
  const value = kernel.readSysctl("host", EARLY_DEMUX);
  return value !== undefined && value !== "0";
}

export function setEarlyDemux(kernel: Kernel, value: string): void {
  const key = EARLY_DEMUX;
  const [problem] = undo(kernel, [{ kind: "sysctl", at: "host", key, value, optional: true }]);
  if (problem !== undefined) throw new DatapathError("kernel", problem.message, { cause: problem });
}

/** Families whose rule for table local stands before the pods' rules. */
export function familiesToMove(kernel: Kernel): IpFamily[] {
  return FAMILIES.filter((family) => readRules(kernel, "host", family).some((rule) => isLocal(rule, 0)));
}

/** Moves the rule for table local of these families: the new one is there before the old one goes. */
export function moveLocalRule(kernel: Kernel, families: readonly IpFamily[]): void {
  carryOut(kernel, [
    ...families.map((family) => added(localRule(family, LOCAL_PRIORITY_STRICT))),
    // Behind the rule that is to go: the kernel deletes the first one that matches, and what asks for no source matches
    // this one too, should it be left from a call that was killed.
    ...(families.includes(6) ? [removed(ROUTER_ICMP), added(ROUTER_ICMP)] : []),
    ...families.map((family) => removed(localRule(family, 0))),
  ]);
}

/** Puts the rule for table local back to where the kernel has it. */
export function restoreLocalRule(kernel: Kernel, families: readonly IpFamily[]): void {
  carryOut(kernel, [
    ...families.map((family) => added({ ...localRule(family, 0), protocol: Protocol.KERNEL })),
    ...families.map((family) => removed(localRule(family, LOCAL_PRIORITY_STRICT))),
    ...(families.includes(6) ? [removed(ROUTER_ICMP)] : []),
  ]);
}

/** Whether some pod of the node, of whichever maker, is bound to its branch in strict mode. */
export function hasStrictPods(kernel: Kernel): boolean {
  return FAMILIES.some((family) =>
    readRules(kernel, "host", family).some(
      (rule) => rule.priority === STRICT_PRIORITY && rule.inputDevice !== undefined,
    ),
  );
}

/** The router's neighbour discovery is answered by the node itself, whatever device it comes in by. */
const ROUTER_ICMP: Rule = {
  family: 6,
  priority: 0,
  table: Table.LOCAL,
  from: { address: "fe80:ec2::1", length: 128 },
  ipProtocol: IPPROTO_ICMPV6,
};

function localRule(family: IpFamily, priority: number): Rule {
  return { family, priority, table: Table.LOCAL };
}

/** The rule itself, not one that only asks table local for some packets. */
function isLocal(rule: ListedRule, priority: number): boolean {
  return (
    rule.priority === priority &&
    rule.table === Table.LOCAL &&
    rule.from === undefined &&
    rule.to === undefined &&
    rule.inputDevice === undefined &&
    rule.ipProtocol === undefined
  );
}

function added(rule: Rule): Operation {
  return { kind: "rule", at: "host", rule };
}

function removed(rule: Rule): Operation {
  return { kind: "rule", at: "host", rule, absent: true };
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
