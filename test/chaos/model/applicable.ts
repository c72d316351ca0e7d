import { type Call, type Operation, callsOf, isAccident } from "./operation.ts";
import { type Sandbox, vlanIdOf } from "./pool.ts";
import { type World, atPath, attachmentOf } from "./world.ts";

/** Whether an operation means anything in a world: one whose beginnings were left out does not, and is passed over. */
export function applicable(world: World, operation: Operation): boolean {
  if (!isAccident(operation)) return callsOf(operation).every((call) => applicableCall(world, call));
  switch (operation.op) {
    case "destroy":
      return world.sandboxes[operation.sandbox]?.namespace === true;
    case "replace":
      return (
        world.sandboxes[operation.sandbox]?.namespace === true &&
        world.sandboxes[operation.by.id] === undefined
      );
    case "unplug":
      return world.sandboxes[operation.sandbox]?.veth === true;
    case "trunk":
    case "neighbour":
      return true;
  }
}

export function applicableCall(world: World, call: Call): boolean {
  switch (call.op) {
    case "add":
      return isAddable(world, call.sandbox, call.eni);
    case "check":
    case "del":
      return world.sandboxes[call.sandbox] !== undefined;
    case "gc":
    case "status":
      return true;
  }
}

function isAddable(world: World, spec: Sandbox, eni: number | undefined): boolean {
  const state = world.sandboxes[spec.id];
  const there = atPath(world, spec.netns);
  if (state === undefined) return there === undefined;
  // No runtime adds a sandbox in another's namespace, nor gives one that has a branch another.
  if (state.buried || (there !== undefined && there !== state)) return false;
  const own = attachmentOf(world, spec.id);
  return own === undefined || (eni !== undefined && vlanIdOf(eni) === vlanIdOf(own.eni));
}
