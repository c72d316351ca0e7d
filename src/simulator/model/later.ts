import { allOf, release } from "./addressing.ts";
import type { Association, Context, Due, Instance, Interface, World } from "./types.ts";

/** Puts something down for later, behind what is due at the same time. */
export function schedule(world: World, due: Due): void {
  let index = world.due.length;
  while (index > 0 && (world.due[index - 1]?.at ?? 0) > due.at) index--;
  world.due.splice(index, 0, due);
}

/** Does all that is due by then. `context` makes the context of that moment. */
export function settle(world: World, now: number, context: (at: number) => Context): void {
  for (let due = world.due[0]; due !== undefined && due.at <= now; due = world.due[0]) {
    world.due.shift();
    carryOut(due, context(due.at));
  }
}

function carryOut({ what, id }: Due, context: Context): void {
  const { world, effect, now } = context;
  const eni = world.interfaces.get(id);
  const instance = world.instances.get(id);
  switch (what) {
    case "attached":
      if (eni?.attachment?.status !== "attaching") return;
      changed(context, eni);
      eni.attachment.status = "attached";
      effect("interface-attached", eni.id, eni.attachment.instance);
      return;
    case "detached":
      if (eni?.attachment?.status !== "detaching") return;
      changed(context, eni);
      unplug(context, eni);
      return;
    case "carries": {
      const association = world.associations.get(id);
      if (association === undefined || association.carries) return;
      association.carries = true;
      effect("branch-carries", association.branch, association.trunk);
      return;
    }
    case "running":
      if (instance?.state === "pending") setState(context, instance, "running");
      return;
    case "stopped":
      if (instance?.state === "stopping") setState(context, instance, "stopped");
      return;
    case "terminated":
      if (instance?.state === "shutting-down") endInstance(context, instance);
      return;
    case "visible": {
      const stale = world.stale.get(id);
      if (stale !== undefined && stale.until <= now) world.stale.delete(id);
    }
  }
}

export function setState({ effect }: Context, instance: Instance, state: Instance["state"]): void {
  instance.state = state;
  effect("instance-state", instance.id, state);
}

/** Interfaces with DeleteOnTermination go, the others become available. */
function endInstance(context: Context, instance: Instance): void {
  for (const eni of interfacesOf(context.world, instance.id)) {
    changed(context, eni);
    const goes = eni.attachment?.deleteOnTermination === true;
    unplug(context, eni);
    if (goes) removeInterface(context, eni);
  }
  setState(context, instance, "terminated");
}

function unplug({ effect }: Context, eni: Interface): void {
  const instance = eni.attachment?.instance;
  delete eni.attachment;
  effect("interface-detached", eni.id, instance);
}

export function interfacesOf(world: World, instance: string): Interface[] {
  return [...world.interfaces.values()]
    .filter((eni) => eni.attachment?.instance === instance)
    .sort((a, b) => (a.attachment?.deviceIndex ?? 0) - (b.attachment?.deviceIndex ?? 0));
}

/** Takes the interface out of the world: associations with it go too, and their branches stay as available interfaces. */
export function removeInterface(context: Context, eni: Interface): void {
  const { world, effect } = context;
  for (const association of associationsOf(world, eni)) removeAssociation(context, association);
  const subnet = world.subnets.get(eni.subnet);
  if (subnet !== undefined) release(subnet, allOf(eni));
  for (const [id, permission] of world.permissions)
    if (permission.interface === eni.id) world.permissions.delete(id);
  world.macs.delete(eni.mac);
  world.interfaces.delete(eni.id);
  effect("interface-deleted", eni.id);
}

/** In which the interface is the branch or the trunk. */
export function associationsOf(world: World, eni: Interface): Association[] {
  if (eni.type === "trunk") return [...world.associations.values()].filter(({ trunk }) => trunk === eni.id);
  const association = world.associations.get(eni.association ?? "");
  return association === undefined ? [] : [association];
}

export function removeAssociation(context: Context, association: Association): void {
  const { world, effect } = context;
  const branch = world.interfaces.get(association.branch);
  if (branch !== undefined) {
    changed(context, branch);
    delete branch.association;
  }
  world.associations.delete(association.id);
  effect("branch-disassociated", association.branch, association.trunk, association.vlan);
}

/** To be called before an interface changes or goes: describes go on showing it as it is now for a while. */
export function changed({ world, now }: Context, eni: Interface): void {
  const lag = world.settings.describeLagSeconds * 1000;
  if (lag === 0 || world.stale.has(eni.id)) return;
  world.stale.set(eni.id, { until: now + lag, before: structuredClone(eni) });
  schedule(world, { at: now + lag, what: "visible", id: eni.id });
}

/** As changed, for one that has just been made: describes do not show it yet. */
export function created({ world, now }: Context, eni: Interface): void {
  const { describeLagSeconds, notFoundAfterCreateSeconds } = world.settings;
  const lag = Math.max(describeLagSeconds, notFoundAfterCreateSeconds) * 1000;
  if (lag === 0) return;
  world.stale.set(eni.id, { until: now + lag, before: undefined });
  schedule(world, { at: now + lag, what: "visible", id: eni.id });
}
