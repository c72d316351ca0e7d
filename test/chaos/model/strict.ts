import { type Family, addressesOf, eniOf } from "./pool.ts";
import { type Attachment, type World, lives } from "./world.ts";

/** What the node's strict pods share, as they come and go (docs/architecture.md, step 11 of an ADD). */

/** A strict pod is there now: the rule for table local of its branch's families stands behind the pods' rules. */
export function enterStrict({ shared }: World, eni: number, earlyDemux: boolean): void {
  for (const family of familiesOf(eni)) {
    if (shared.localRule[family] === "moved") continue;
    shared.localRule[family] = "moved";
    shared.file = "present";
  }
  if (earlyDemux && shared.earlyDemux !== "off") {
    shared.earlyDemux = "off";
    shared.file = "present";
  }
}

/** The same by a call that was killed after it had written the pod's record. */
export function beginStrict({ shared }: World, eni: number, earlyDemux: boolean): void {
  const families = familiesOf(eni);
  const mayWrite =
    families.some((family) => shared.localRule[family] !== "moved") ||
    (earlyDemux && shared.earlyDemux !== "off");
  for (const family of families) {
    if (shared.localRule[family] === "home") shared.localRule[family] = "between";
  }
  if (earlyDemux && shared.earlyDemux === "on") shared.earlyDemux = "either";
  if (mayWrite && shared.file === "absent") shared.file = "maybe";
}

/** An attachment has just gone: with the last strict one, whoever made it, all is as before. */
export function leaveStrict(world: World, gone: Attachment): void {
  if (gone.mode === "strict") review(world);
}

/** Each DEL, GC and ADD of a branch looks whether a strict pod, of whichever maker, needs it still. */
export function review(world: World): void {
  const needed = isNeeded(world);
  if (needed === true) return;
  if (needed === "maybe") return becomeUncertain(world);
  world.shared = { localRule: { 4: "home", 6: "home" }, earlyDemux: "on", file: "absent" };
  world.strictUnfinished = false;
}

/** The same by a call that was killed, perhaps at it. */
export function beginReview(world: World): void {
  if (isNeeded(world) !== true) becomeUncertain(world);
}

/** The same by a call that was killed while the attachment's record was still there. */
export function beginLeaving(world: World, leaving: Attachment): void {
  if (leaving.mode === "strict" && isNeeded(world, leaving) !== true) becomeUncertain(world);
}

function becomeUncertain({ shared }: World): void {
  for (const family of [4, 6] as const) {
    if (shared.localRule[family] === "moved") shared.localRule[family] = "between";
  }
  if (shared.earlyDemux === "off") shared.earlyDemux = "either";
  if (shared.file === "present") shared.file = "maybe";
}

/** Of its traffic only strict mode says something. */
export function familiesOf(eni: number): Family[] {
  return addressesOf(eniOf(eni)).map(({ family }) => family);
}

/** A record alone needs nothing once its pod is gone; whether its rules are there, nobody knows of a killed call's. */
function isNeeded(world: World, except?: Attachment): boolean | "maybe" {
  if (world.strictNeighbour) return true;
  const strict = world.attachments.filter((one) => one !== except && one.mode === "strict");
  if (strict.some((one) => !one.loose || lives(world, one) !== false)) return true;
  return strict.length > 0 ? "maybe" : false;
}
