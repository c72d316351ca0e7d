import { attach, detach, finishFiles, meet } from "./changes.ts";
import { Code, type Outcome } from "./expectation.ts";
import type { Add } from "./operation.ts";
import { addressesOf, eniOf, primaryOf, vlanIdOf } from "./pool.ts";
import { type Attachment, type World, attachmentOf, holderOf, isSamePod, lives } from "./world.ts";

/** What may come of an ADD (docs/architecture.md, "A VLAN id that is taken" and "Failing closed"). */
export function ofAdd(world: World, add: Add): Outcome[] {
  const { sandbox, eni } = add;
  const state = meet(world, sandbox);
  const id = sandbox.id;
  const refused = (code: number, touched: readonly number[] = []): Outcome => ({
    world,
    answers: [{ code }],
    touched: [id, ...touched],
  });
  if (add.broken === true) return [refused(Code.annotation)];
  if (eni === undefined) {
    const addresses = addressesOf(primaryOf(sandbox)).map(({ address }) => address);
    return [{ world, answers: [{ code: 0, addresses }], touched: [id] }];
  }
  state.lastEni = eni;
  if (!state.namespace) return [refused(Code.namespace)];
  const vlanId = vlanIdOf(eni);
  finishFiles(world, vlanId);
  const holder = holderOf(world, vlanId);
  const isHeld = holder !== undefined && isOfAnotherPod(world, holder, add) ? lives(world, holder) : false;
  const held = isHeld === false ? [] : [refused(Code.held, holder === undefined ? [] : [holder.sandbox])];
  if (isHeld === true) return held;
  return [...held, ...(state.veth ? [attached(world, add, eni)] : withoutPrimary(world, add, refused))];
}

function attached(before: World, add: Add, eni: number): Outcome {
  const world = structuredClone(before);
  const old = holderOf(world, vlanIdOf(eni));
  if (old !== undefined) detach(world, old);
  world.trunkUp = true;
  attach(world, add, eni);
  return {
    world,
    answers: [{ code: 0, addresses: addressesOf(eniOf(eni)).map(({ address }) => address) }],
    touched: [add.sandbox.id, ...(old === undefined ? [] : [old.sandbox])],
  };
}

/** Another pod's, with the same branch or another: nobody says that it is gone, so who has the VLAN id keeps it. */
function isOfAnotherPod(world: World, holder: Attachment, { sandbox }: Add): boolean {
  return holder.sandbox !== sandbox.id && !isSamePod(world, holder.sandbox, sandbox.id);
}

/** The pod's interface is gone: nobody else loses anything, only what this sandbox itself had may be taken back. */
function withoutPrimary(world: World, { sandbox }: Add, refused: (code: number) => Outcome): Outcome[] {
  const own = attachmentOf(world, sandbox.id);
  if (own === undefined || own.mode !== "direct") return [refused(Code.namespace)];
  const after = structuredClone(world);
  const again = attachmentOf(after, sandbox.id);
  if (again !== undefined) detach(after, again);
  const taken = { ...refused(Code.namespace), world: after };
  return own.loose ? [refused(Code.namespace), taken] : [taken];
}
