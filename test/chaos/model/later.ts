import { detach, finishFiles } from "./changes.ts";
import { Code, DONE, type Expected, type Outcome } from "./expectation.ts";
import type { Check, Del, Gc } from "./operation.ts";
import { vlanIdOf } from "./pool.ts";
import { familiesOf, review } from "./strict.ts";
import { type Attachment, type World, atPath, attachmentOf, lives } from "./world.ts";

/** What may come of the calls about what is attached (docs/architecture.md, "The other verbs"). */

export function ofCheck(world: World, { sandbox }: Check): Outcome {
  return { world, answers: [expectedOfCheck(world, sandbox)], touched: [sandbox] };
}

function expectedOfCheck(world: World, sandbox: number): Expected | undefined {
  const state = world.sandboxes[sandbox];
  const own = attachmentOf(world, sandbox);
  if (state === undefined) return undefined;
  if (own === undefined) return { code: state.lastEni === undefined ? 0 : Code.unknown };
  const isThere = atPath(world, state.spec.netns) === state;
  if (!isThere || lives(world, own) === false) return { code: Code.namespace };
  const isBetween = familiesOf(own.eni).some((family) => world.shared.localRule[family] === "between");
  // A rule for table local that is missing is told of every pod, one that is too early of strict ones.
  if (own.loose || (own.mode === "strict" && isBetween)) return undefined;
  return { code: own.flushed || !state.veth ? Code.kernel : 0 };
}

export function ofDel(world: World, { sandbox }: Del): Outcome {
  const own = attachmentOf(world, sandbox);
  if (own !== undefined) {
    finishFiles(world, vlanIdOf(own.eni));
    detach(world, own);
  }
  review(world);
  return { world, answers: [DONE], touched: [sandbox] };
}

export function ofGc(world: World, gc: Gc): Outcome {
  const gone = goneByGc(world, gc);
  for (const attachment of gone) {
    finishFiles(world, vlanIdOf(attachment.eni));
    detach(world, attachment);
  }
  if (gc.valid !== null && gc.valid !== "absent") review(world);
  return { world, answers: [DONE], touched: gone.map(({ sandbox }) => sandbox) };
}

/** Those of the network that the runtime does not list; when it does not know, none. */
export function goneByGc({ attachments }: World, { network, valid }: Gc): Attachment[] {
  if (valid === null || valid === "absent") return [];
  return attachments.filter(
    (attachment) => attachment.network === network && !valid.includes(attachment.sandbox),
  );
}
