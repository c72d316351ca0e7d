import { type Operation, callsOf, sandboxesOf } from "./model/operation.ts";
import { vlanIdOf } from "./model/pool.ts";

/**
 * Those operations of a sequence that have to do with its last one: with its sandboxes or VLAN ids, over so many steps.
 * Most often they are enough, and then there is little left to leave out.
 */
export function relatedToLast(sequence: readonly Operation[], steps: number): Operation[] {
  const last = sequence.at(-1);
  if (last === undefined) return [];
  const vlans = vlansOfSandboxes(sequence);
  const things = sequence.map((operation) => thingsOf(operation, vlans));
  let wanted = new Set(things.at(-1));
  for (let step = 1; step < steps; step += 1) {
    wanted = new Set(things.filter((each) => each.some((thing) => wanted.has(thing))).flat());
  }
  return sequence.filter(
    (operation, i) => operation === last || things[i]?.some((thing) => wanted.has(thing)),
  );
}

/** What an operation is about, as keys. */
function thingsOf(operation: Operation, vlans: ReadonlyMap<number, readonly string[]>): string[] {
  return sandboxesOf(operation).flatMap((sandbox) => [`sandbox ${sandbox}`, ...(vlans.get(sandbox) ?? [])]);
}

/** The VLAN ids that a sandbox asks for anywhere in the sequence. */
function vlansOfSandboxes(sequence: readonly Operation[]): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const operation of sequence) {
    for (const call of callsOf(operation)) {
      if (call.op !== "add" || call.eni === undefined) continue;
      const list = found.get(call.sandbox.id) ?? [];
      found.set(call.sandbox.id, [...list, `VLAN ${vlanIdOf(call.eni)}`]);
    }
  }
  return found;
}
