import { Table } from "../netlink/route/constants.ts";
import type { Link } from "../netlink/route/link.ts";
import { type Route, isRefusal } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { Kernel } from "./kernel.ts";
import { FROM_POD_PRIORITY, tableOf, vlanName } from "./numbers.ts";
import type { Operation } from "./operation.ts";
import { readRoutes, readRules } from "./read.ts";

/**
 * Whether the node's device, routes and rules of a VLAN id are still those of an attachment. When a DEL comes late, EC2
 * may have given the id to another branch that aws-cni attached, with the same names and numbers but without a record
 * of ours.
 */

/** What identifies a routed attachment. */
export interface Owner {
  readonly vlanId: number;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** ifindex of the trunk. */
  readonly trunk: number;
  /** ifindex, on the node, of the pod's veth: never reused. */
  readonly veth?: number;
}

/** What the node has under the VLAN id. */
export interface Standing {
  /** The device that has the name of the branch's. */
  readonly device?: Link;
  /** Routes of the id's table. */
  readonly table: readonly Route[];
  /** Routes to the attachment's addresses in table main. */
  readonly toPod: readonly Route[];
  /** If those lead to another pod: whether its branch has another VLAN id. */
  readonly isElsewhere?: boolean;
  /** ifindex of the devices that rules name, where they exist. */
  readonly indexes: ReadonlyMap<string, number>;
}

export function readStanding(kernel: Kernel, owner: Owner, operations: readonly Operation[]): Standing {
  const { vlanId, addresses } = owner;
  const rules = operations.flatMap((operation) => (operation.kind === "rule" ? [operation.rule] : []));
  const names = [...new Set(rules.flatMap(({ inputDevice }) => inputDevice ?? []))];
  const [device, ...named] = kernel.links("node", [vlanName(vlanId), ...names]);
  const routesOf = (table: number) => readRoutes(kernel, "node", undefined, table);
  const isByMain = rules.some(({ table, to }) => table === Table.MAIN && to !== undefined);
  const toPod = isByMain
    ? routesOf(Table.MAIN).filter(({ destination }) => addresses.includes(destination))
    : [];
  return {
    ...(device !== undefined && { device }),
    table: routesOf(tableOf(vlanId)),
    toPod,
    ...(isToAnother(owner, toPod) && { isElsewhere: isFromElsewhere(kernel, owner) }),
    indexes: new Map(named.flatMap((link) => (link === undefined ? [] : [[link.name, link.index]]))),
  };
}

function isToAnother({ veth }: Pick<Owner, "veth">, toPod: readonly Route[]): boolean {
  return veth !== undefined && toPod.some(({ device }) => device !== undefined && device !== veth);
}

/** Standard mode's rule from the pod names the table of its branch. */
function isFromElsewhere(kernel: Kernel, { vlanId, addresses }: Owner): boolean {
  return readRules(kernel, "node").some(
    ({ priority, from, table }) =>
      priority === FROM_POD_PRIORITY &&
      from !== undefined &&
      addresses.includes(from.address) &&
      table !== tableOf(vlanId),
  );
}

/** Those of the operations that take nothing from the next owner of the VLAN id or of the addresses. */
export function withoutOthers(
  operations: readonly Operation[],
  owner: Owner,
  standing: Standing,
): Operation[] {
  const isTaken = hasNextOwner(owner, standing);
  return operations.filter(
    (operation) => operation.at !== "node" || !isOfNextOwner(operation, isTaken, owner, standing),
  );
}

/** Whether the VLAN id belongs to another branch by now. */
export function hasNextOwner(owner: Owner, standing: Standing): boolean {
  const { device } = standing;
  const isOtherDevice =
    device !== undefined &&
    (device.mac !== owner.mac || device.linkIndex !== owner.trunk || device.vlan?.id !== owner.vlanId);
  return isOtherDevice || leadsToAnotherPod(owner, standing) || isOfNextSandbox(owner, standing);
}

/** A strict pod's table leads to the pod. */
function leadsToAnotherPod({ veth }: Owner, { device, table }: Standing): boolean {
  const isToPod = (route: Route) =>
    !isRefusal(route) && route.device !== undefined && route.device !== device?.index;
  return veth !== undefined && table.some((route) => isToPod(route) && route.device !== veth);
}

/** Table main leads to a standard pod. This is the same ENI in the pod's next sandbox, with the same MAC. */
function isOfNextSandbox(owner: Owner, { toPod, isElsewhere }: Standing): boolean {
  return isToAnother(owner, toPod) && isElsewhere !== true;
}

function isOfNextOwner(operation: Operation, isTaken: boolean, owner: Owner, standing: Standing): boolean {
  const { kind } = operation;
  if (kind === "rule") {
    return operation.absent === true && isRuleOfNextOwner(operation.rule, isTaken, owner, standing);
  }
  if (!isTaken || kind === "vlan") return isTaken;
  // An ifindex identifies our device; the name belongs to the next owner's. Only branchline puts a last resort into a
  // table.
  return "device" in operation && operation.device === vlanName(owner.vlanId);
}

function isRuleOfNextOwner(rule: Rule, isTaken: boolean, owner: Owner, standing: Standing): boolean {
  const isOtherPod = (address: string) =>
    standing.toPod.some((route) => route.destination === address && route.device !== owner.veth);
  // In standard mode every pod with the address has the same rule.
  if (rule.table === Table.MAIN) return rule.to !== undefined && isOtherPod(rule.to.address);
  if (!isTaken || rule.table !== tableOf(owner.vlanId)) return false;
  if (rule.from !== undefined) return isOtherPod(rule.from.address);
  if (rule.inputDevice === undefined) return false;
  // Only a strict pod has a rule for the VLAN device: for a standard pod it would misroute incoming packets.
  if (rule.inputDevice === vlanName(owner.vlanId)) return leadsToAnotherPod(owner, standing);
  // The rule names the old veth: it is the next owner's if the table leads to a device of that name.
  const index = standing.indexes.get(rule.inputDevice);
  return index !== undefined && index !== owner.veth && standing.table.some(({ device }) => device === index);
}
