import { ofAdd } from "./add.ts";
import { begin, detach, loosen, meet, record } from "./changes.ts";
import type { Outcome } from "./expectation.ts";
import { goneByGc, ofDel, ofGc } from "./later.ts";
import type { Add, Del, Gc } from "./operation.ts";
import { vlanIdOf } from "./pool.ts";
import { beginReview, beginStrict } from "./strict.ts";
import { type Attachment, type World, attachmentOf, holderOf } from "./world.ts";

/**
 * What a call may leave that was killed in the middle (docs/architecture.md, "Records and locks"): whatever it is, the
 * record says so. Where there is no record nothing may be left.
 */

export function ofKilledAdd(before: World, add: Add): Outcome[] {
  return ofAdd(structuredClone(before), add).flatMap((whole) => {
    const { eni } = add;
    // What would have failed without changing anything has not changed anything.
    if (eni === undefined || whole.answers[0]?.code !== 0) return [unanswered(whole.world, whole.touched)];
    const started = structuredClone(before);
    meet(started, add.sandbox).lastEni = eni;
    const holder = holderOf(started, vlanIdOf(eni));
    const isStrict = add.mode === "strict" || holder?.mode === "strict";
    begin(started, vlanIdOf(eni), isStrict);
    const worlds = partlyGone(started, holder === undefined ? [] : [holder]);
    const free = worlds.at(-1) ?? started;
    begin(free, vlanIdOf(eni), isStrict);
    worlds.push(coming(free, add, eni, before.trunkUp));
    if (!before.trunkUp) worlds.push(coming(free, add, eni, true));
    return worlds.map((world) => unanswered(world, whole.touched));
  });
}

/** The new one's record is written; of the rest there may be anything. */
function coming(free: World, add: Add, eni: number, trunkUp: boolean): World {
  const world = structuredClone(free);
  record(world, add, eni).loose = true;
  if (add.mode === "strict") beginStrict(world, eni, add.earlyDemux === true);
  world.trunkUp = trunkUp;
  return world;
}

export function ofKilledDel(before: World, del: Del): Outcome[] {
  const own = attachmentOf(before, del.sandbox);
  if (own === undefined) return [unanswered(ofDel(structuredClone(before), del).world, [del.sandbox])];
  return partlyGone(before, [own]).map((world) => {
    begin(world, vlanIdOf(own.eni), own.mode === "strict");
    return unanswered(world, [del.sandbox]);
  });
}

export function ofKilledGc(before: World, gc: Gc): Outcome[] {
  const gone = goneByGc(before, gc);
  if (gone.length === 0) return [unanswered(ofGc(structuredClone(before), gc).world, [])];
  return partlyGone(before, gone).map((world) => {
    for (const { eni, mode } of gone) begin(world, vlanIdOf(eni), mode === "strict");
    return unanswered(
      world,
      gone.map(({ sandbox }) => sandbox),
    );
  });
}

/** Any of them gone with its record, and of the others anything: from none of them gone to all. */
function partlyGone(before: World, leaving: readonly Attachment[]): World[] {
  return Array.from({ length: 2 ** leaving.length }, (_, choice) => {
    const world = structuredClone(before);
    const isGone = (i: number) => (choice & (1 << i)) !== 0;
    const again = leaving.map(({ sandbox }) => attachmentOf(world, sandbox));
    again.forEach((one, i) => one !== undefined && isGone(i) && detach(world, one));
    again.forEach((one, i) => one !== undefined && !isGone(i) && loosen(world, one));
    return world;
  });
}

function unanswered(world: World, touched: readonly number[]): Outcome {
  beginReview(world);
  return { world, answers: [undefined], touched };
}
