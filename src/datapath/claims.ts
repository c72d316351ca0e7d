import type { IpPrefix } from "../values/ip.ts";
import { widthOf } from "../values/ip.ts";
import type { Rule } from "../netlink/route/rule.ts";
import { FROM_POD_PRIORITY, STRICT_PRIORITY, TO_POD_PRIORITY } from "./numbers.ts";

/** What is one branch's alone on the node, from its attaching on. */
export interface Claims {
  /** The route table of its VLAN id. */
  readonly table: number;
  /** Names of the pod's veth and of the branch's VLAN device: the next device of a name is caught by the rules of the last. */
  readonly devices: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * Whether a rule of the node takes hold of a branch's packets, though it was made for another one, of whichever maker:
 * that led to its table, named a device of the same name, or had the same address.
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
