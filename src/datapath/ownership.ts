import { Table } from "../netlink/route/constants.ts";
import type { Link } from "../netlink/route/link.ts";
import { type Route, isRefusal } from "../netlink/route/route.ts";
import type { Rule } from "../netlink/route/rule.ts";
import type { Kernel } from "./kernel.ts";
import { FROM_POD_PRIORITY, tableOf, vlanName } from "./numbers.ts";
import type { Operation } from "./operation.ts";
import { readRoutes, readRules } from "./read.ts";

/**
 * Whether what stands on the node under a VLAN id is still what an attachment made. A DEL may come late: EC2 has given
 * the id to another branch by then, which aws-cni attached, with the same names and numbers and no record of ours.
 */

/** What a routed attachment is known by. */
export interface Owner {
  readonly vlanId: number;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** ifindex of the trunk. */
  readonly trunk: number;
  /** ifindex, on the node, of the pod's veth: none is given twice. */
  readonly veth?: number;
}

/** What stands there. */
export interface Standing {
  /** The device by the name that the branch's has. */
  readonly device?: Link;
  /** Routes of the id's table. */
  readonly table: readonly Route[];
  /** Routes of table main to the attachment's addresses. */
  readonly toPod: readonly Route[];
  /** Whether the pod that those lead to, if it is another one, has its branch by another VLAN id. */
  readonly isElsewhere?: boolean;
  /** ifindex of the devices that rules name, where they are there. */
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

/** Of what takes an attachment back, that which takes nothing from the id's or the address's next owner. */
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

/** Whether the VLAN id is another branch's by now. */
export function hasNextOwner(owner: Owner, standing: Standing): boolean {
  const { device } = standing;
  const isOtherDevice =
    device !== undefined &&
    (device.mac !== owner.mac || device.linkIndex !== owner.trunk || device.vlan?.id !== owner.vlanId);
  return isOtherDevice || leadsToAnotherPod(owner, standing) || isOfNextSandbox(owner, standing);
}

/** As the table of a strict pod leads to that pod. */
function leadsToAnotherPod({ veth }: Owner, { device, table }: Standing): boolean {
  const isToPod = (route: Route) =>
    !isRefusal(route) && route.device !== undefined && route.device !== device?.index;
  return veth !== undefined && table.some((route) => isToPod(route) && route.device !== veth);
}

/** As table main leads to a standard pod: the same ENI's, in its next sandbox, whose device has the same MAC. */
function isOfNextSandbox(owner: Owner, { toPod, isElsewhere }: Standing): boolean {
  return isToAnother(owner, toPod) && isElsewhere !== true;
}

function isOfNextOwner(operation: Operation, isTaken: boolean, owner: Owner, standing: Standing): boolean {
  const { kind } = operation;
  if (kind === "rule") {
    return operation.absent === true && isRuleOfNextOwner(operation.rule, isTaken, owner, standing);
  }
  if (!isTaken || kind === "vlan") return isTaken;
  // By its ifindex a device is known, the name is the next owner's. The last resort of a table is nobody's but ours.
  return "device" in operation && operation.device === vlanName(owner.vlanId);
}

function isRuleOfNextOwner(rule: Rule, isTaken: boolean, owner: Owner, standing: Standing): boolean {
  const isOtherPod = (address: string) =>
    standing.toPod.some((route) => route.destination === address && route.device !== owner.veth);
  // Standard mode has the same rule for every pod that has the address.
  if (rule.table === Table.MAIN) return rule.to !== undefined && isOtherPod(rule.to.address);
  if (!isTaken || rule.table !== tableOf(owner.vlanId)) return false;
  if (rule.from !== undefined) return isOtherPod(rule.from.address);
  if (rule.inputDevice === undefined) return false;
  // Only a strict pod has a rule by the VLAN device: for a standard one it leads astray what comes in.
  if (rule.inputDevice === vlanName(owner.vlanId)) return leadsToAnotherPod(owner, standing);
  // By the old veth's name: the next owner's if its table leads to a device of that name.
  const index = standing.indexes.get(rule.inputDevice);
  return index !== undefined && index !== owner.veth && standing.table.some(({ device }) => device === index);
}
