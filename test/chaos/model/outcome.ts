import { ofAdd } from "./add.ts";
import { applicableCall } from "./applicable.ts";
import { destroy, meet, setTrunk } from "./changes.ts";
import { DONE, type Outcome } from "./expectation.ts";
import { ofKilledAdd, ofKilledDel, ofKilledGc } from "./killed.ts";
import { ofCheck, ofDel, ofGc } from "./later.ts";
import { type Accident, type Call, type Operation, isAccident } from "./operation.ts";
import type { World } from "./world.ts";

/** All that may come of it; `killed` says that the call was ended before its time. */
export function outcomesOf(world: World, operation: Operation, killed = false): Outcome[] {
  if (operation.op === "pair") return ofPair(world, operation.calls);
  if (killed && operation.op === "add") return ofKilledAdd(world, operation);
  if (killed && operation.op === "del") return ofKilledDel(world, operation);
  if (killed && operation.op === "gc") return ofKilledGc(world, operation);
  const after = structuredClone(world);
  return isAccident(operation) ? [ofAccident(after, operation)] : ofCall(after, operation);
}

function ofCall(world: World, call: Call): Outcome[] {
  switch (call.op) {
    case "add":
      return ofAdd(world, call);
    case "check":
      return [ofCheck(world, call)];
    case "del":
      return [ofDel(world, call)];
    case "gc":
      return [ofGc(world, call)];
    case "status":
      return [{ world, answers: [DONE], touched: [] }];
  }
}

function ofAccident(world: World, accident: Accident): Outcome {
  switch (accident.op) {
    case "destroy":
      destroy(world, accident.sandbox);
      return { world, answers: [], touched: [] };
    case "replace":
      destroy(world, accident.sandbox);
      meet(world, accident.by);
      return { world, answers: [], touched: [accident.by.id] };
    case "unplug": {
      const state = world.sandboxes[accident.sandbox];
      if (state !== undefined) state.veth = false;
      return { world, answers: [], touched: [accident.sandbox] };
    }
    case "trunk":
      setTrunk(world, accident.up);
      return { world, answers: [], touched: world.attachments.map(({ sandbox }) => sandbox) };
    case "neighbour":
      world.strictNeighbour = accident.strict;
      return { world, answers: [], touched: [] };
  }
}

/** Calls at the same time: as if one of them had come first, whichever. */
function ofPair(world: World, [first, second]: readonly [Call, Call]): Outcome[] {
  const inOrder = (a: Call, b: Call, swap: boolean): Outcome[] =>
    ofCall(structuredClone(world), a).flatMap((one) => {
      // What the first has made impossible to ask for.
      if (!applicableCall(one.world, b)) return [];
      return ofCall(structuredClone(one.world), b).map((other) => ({
        world: other.world,
        answers: swap ? [...other.answers, ...one.answers] : [...one.answers, ...other.answers],
        touched: [...one.touched, ...other.touched],
      }));
    });
  return [...inOrder(first, second, false), ...inOrder(second, first, true)];
}
