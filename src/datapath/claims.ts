import type { IpPrefix } from "../values/ip.ts";
import { widthOf } from "../values/ip.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { FROM_POD_PRIORITY, STRICT_PRIORITY, TO_POD_PRIORITY } from "./numbers.ts";

/** What belongs to one branch alone on the node once it is attached. */
export interface Claims {
  /** The route table of its VLAN id. */
  readonly table: number;
  /**
   * Names of the pod's veth and of the branch's VLAN device: a rule left by an earlier device of the name would match
   * them too.
   */
  readonly devices: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * Whether a rule on the node would match a branch's packets although it was made for another branch, by us or by
 * aws-cni: it leads to the branch's table, names a device of the same name, or has the same address.
 */
export function isAbout(rule: Rule, { table, devices, addresses }: Claims): boolean {
  const isOne = (prefix: IpPrefix | undefined) =>
    prefix !== undefined && prefix.length === widthOf(rule.family) && addresses.includes(prefix.address);
  return (
    rule.table === table ||
    (rule.priority === STRICT_PRIORITY && devices.includes(rule.inputDevice ?? "")) ||
    (rule.priority === TO_POD_PRIORITY && isOne(rule.to)) ||
    (rule.priority === FROM_POD_PRIORITY && isOne(rule.from))
  );
}

/** The rule that only the direct datapath makes: to a pod, for what the node itself sends. */
export function isDirectRule(rule: Rule): boolean {
  return rule.priority === TO_POD_PRIORITY && rule.inputDevice === "lo" && rule.to !== undefined;
}
