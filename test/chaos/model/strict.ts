import { type Attachment, type World, lives } from "./world.ts";

/** What the node's strict pods share, as they come and go (docs/architecture.md, step 11 of an ADD). */

/** A strict pod is there now: the rule for table local stands behind the pods' rules. */
export function enterStrict({ shared }: World, earlyDemux: boolean): void {
  if (shared.localRule !== "moved") {
    shared.localRule = "moved";
    shared.file = "present";
  }
  if (earlyDemux && shared.earlyDemux !== "off") {
    shared.earlyDemux = "off";
    shared.file = "present";
  }
}

/** The same by a call that was killed after it had written the pod's record. */
export function beginStrict({ shared }: World, earlyDemux: boolean): void {
  const mayWrite = shared.localRule !== "moved" || (earlyDemux && shared.earlyDemux !== "off");
  if (shared.localRule === "home") shared.localRule = "between";
  if (earlyDemux && shared.earlyDemux === "on") shared.earlyDemux = "either";
  if (mayWrite && shared.file === "absent") shared.file = "maybe";
}

/** An attachment has just gone: with the last strict one, whoever made it, all is as before. */
export function leaveStrict(world: World, gone: Attachment): void {
  if (gone.mode !== "strict") return;
  const needed = isNeeded(world);
  if (needed === true) return;
  if (needed === "maybe") return becomeUncertain(world);
  world.shared = { localRule: "home", earlyDemux: "on", file: "absent" };
  world.strictUnfinished = false;
}

/** The same by a call that was killed while the attachment's record was still there. */
export function beginLeaving(world: World, leaving: Attachment): void {
  if (leaving.mode === "strict" && isNeeded(world, leaving) !== true) becomeUncertain(world);
}

function becomeUncertain({ shared }: World): void {
  if (shared.localRule === "moved") shared.localRule = "between";
  if (shared.earlyDemux === "off") shared.earlyDemux = "either";
  if (shared.file === "present") shared.file = "maybe";
}

/** A record alone needs nothing once its pod is gone; whether its rules are there, nobody knows of a killed call's. */
function isNeeded(world: World, except?: Attachment): boolean | "maybe" {
  if (world.strictNeighbour) return true;
  const strict = world.attachments.filter((one) => one !== except && one.mode === "strict");
  if (strict.some((one) => !one.loose || lives(world, one) !== false)) return true;
  return strict.length > 0 ? "maybe" : false;
}
