import type { Add } from "./operation.ts";
import type { Sandbox } from "./pool.ts";
import { beginLeaving, enterStrict, leaveStrict, review } from "./strict.ts";
import { type Attachment, type SandboxState, type World, lives, sandboxesIn } from "./world.ts";

/** What becomes of a world: each of these changes the one that it is given, but `bury`. */

/** What a runtime does after the last DEL of a sandbox: the primary's DEL, and the namespace goes. */
export function bury(before: World, sandbox: number): World {
  const world = structuredClone(before);
  destroy(world, sandbox);
  const state = world.sandboxes[sandbox];
  if (state !== undefined) state.buried = true;
  forgetTheOldest(world);
  return world;
}

/** The sandbox as it is when its primary has just wired it, or as it is known. */
export function meet(world: World, spec: Sandbox): SandboxState {
  const known = world.sandboxes[spec.id];
  if (known !== undefined) return known;
  const state: SandboxState = {
    spec,
    namespace: true,
    veth: true,
    rules: "there",
    littered: false,
    buried: false,
  };
  world.sandboxes[spec.id] = state;
  world.nextSandbox = Math.max(world.nextSandbox, spec.id + 1);
  world.incarnations[spec.pod] = Math.max(world.incarnations[spec.pod] ?? 0, spec.incarnation + 1);
  return state;
}

export function record(world: World, { sandbox, mode, network }: Add, eni: number): Attachment {
  const attachment = { sandbox: sandbox.id, eni, mode, network, loose: false, flushed: false };
  world.attachments.push(attachment);
  return attachment;
}

export function attach(world: World, add: Add, eni: number): void {
  record(world, add, eni);
  if (add.mode === "strict") enterStrict(world, eni, add.earlyDemux === true);
  else review(world);
}

export function detach(world: World, attachment: Attachment): void {
  const state = world.sandboxes[attachment.sandbox];
  if (state !== undefined && lives(world, attachment) !== true) leaveBehind(state, attachment);
  world.attachments = world.attachments.filter((other) => other !== attachment);
  leaveStrict(world, attachment);
}

/**
 * What stays of a branch whose pod is gone, or cannot be told from the next one in a namespace of that number: of one that
 * a killed call worked on, any part; of a whole one, at most that IPv6 is on where it was off.
 */
function leaveBehind(state: SandboxState, { mode, loose }: Attachment): void {
  if (mode !== "direct") state.rules = loose && state.rules !== "gone" ? "maybe" : "gone";
  if (state.namespace && (loose || state.spec.withoutIpv6 === true)) state.littered = true;
}

export function loosen(world: World, attachment: Attachment): void {
  attachment.loose = true;
  beginLeaving(world, attachment);
}

export function destroy(world: World, sandbox: number): void {
  const state = world.sandboxes[sandbox];
  if (state === undefined) return;
  state.namespace = false;
  state.veth = false;
}

export function setTrunk(world: World, up: boolean): void {
  if (!up && world.trunkUp) {
    world.neighboursRoutes = false;
    for (const attachment of world.attachments) attachment.flushed = true;
  }
  if (up) world.neighboursRoutes = true;
  world.trunkUp = up;
}

/** A killed call may leave the file that it was about to rename. */
export function begin(world: World, vlanId: number, strict: boolean): void {
  world.unfinished = [...new Set([...world.unfinished, vlanId])];
  world.strictUnfinished ||= strict;
}

/** Who has the VLAN id's lock takes such files away. */
export function finishFiles(world: World, vlanId: number): void {
  world.unfinished = world.unfinished.filter((other) => other !== vlanId);
}

/** Enough of them for late calls; a long run would be about nothing else. */
const REMEMBERED = 20;

function forgetTheOldest(world: World): void {
  const buried = sandboxesIn(world).filter((state) => state.buried);
  for (const { spec } of buried.slice(0, Math.max(0, buried.length - REMEMBERED))) {
    delete world.sandboxes[spec.id];
  }
}
