import type { Decision, Note } from "../action.ts";
import { Draft } from "../draft.ts";
import type { InstanceFacts, Trunk } from "../ledger.ts";
import { isManaged, type TypeLimits, type View } from "../view.ts";
import { attachTrunk } from "./actions/attach-trunk.ts";
import { createTrunk } from "./actions/create-trunk.ts";
import { keepWithInstance } from "./actions/keep-with-instance.ts";
import { lookAtInstance } from "./actions/look-at-instance.ts";
import { lookForAttachment } from "./actions/look-for-attachment.ts";
import { removeTrunk } from "./actions/remove-trunk.ts";

/** What keeps a node from having a trunk is looked at again after so long. */
const AGAIN_MS = 60_000;
/** An instance gets another type only while it is stopped, and thousands of a cluster may be of one that can have no trunk. */
const SELDOM_MS = 600_000;

/** A trunk for a node that asks for one: look → create → attach → see it attached → keep it with the instance. */
export function decideTrunk(view: View, now: number): Decision {
  const draft = new Draft();
  const { ledger, node, settings } = view;
  if (node === undefined) return draft;
  const isAsked = settings.mode === "eks" ? view.cniNode?.asksForTrunk === true : isManaged(view);
  // What was begun is finished or undone all the same.
  if (!isAsked && ledger.trunk.state !== "undoing") return draft;
  const retry = ledger.retries.get("trunk");
  const why = obstacle(view);
  if (why !== undefined) draft.notes.push(why);
  if (retry !== undefined && retry.failures > 0 && why === undefined) draft.notes.push(failing(retry.why));
  if (draft.isDue(retry, now)) next(view, draft, now, why);
  return draft;
}

function next(view: View, draft: Draft, now: number, obstructed: Note | undefined): void {
  const { ledger } = view;
  const { trunk } = ledger;
  switch (trunk.state) {
    case "unknown":
      // All trunks are described together first: a restart asks for no instance by itself.
      if (ledger.descriptions > 0) draft.actions.push(lookAtInstance(view));
      return;
    case "absent":
      if (obstructed !== undefined || view.settings.mode === "eks") {
        const since = ledger.lookedAt ?? now;
        const pause = obstructed?.reason === "TrunkImpossible" ? SELDOM_MS : AGAIN_MS;
        if (now - since < pause) draft.wake(since + pause);
        else draft.actions.push(lookAtInstance(view));
      } else draft.actions.push(createTrunk(view, trunk.facts));
      return;
    case "created":
      if (trunk.deviceIndex === undefined)
        draft.actions.push(attachTrunk(view, trunk, freeIndex(view, trunk.facts)));
      else draft.actions.push(lookForAttachment(view, trunk, trunk.deviceIndex));
      return;
    case "attached":
      if (!trunk.goesWithInstance && view.settings.mode === "standalone") {
        draft.actions.push(keepWithInstance(trunk));
      }
      return;
    case "undoing":
      draft.actions.push(removeTrunk(view, trunk));
      return;
  }
}

/** The highest that is free, as AWS's controller takes. */
function freeIndex(view: View, { type, deviceIndexes }: InstanceFacts): number {
  const most = view.settings.limitsOf(type)?.interfaces ?? 0;
  for (let index = most - 1; index > 0; index -= 1) if (!deviceIndexes.includes(index)) return index;
  return 1;
}

/** Why the node cannot have a trunk, before anything is tried; undefined: it can, as far as is known. */
export function obstacle(view: View): Note | undefined {
  const { trunk } = view.ledger;
  if (trunk.state === "attached" || view.settings.mode === "eks") return undefined;
  const type = typeOf(view, trunk);
  if (type === undefined) return undefined;
  const limits = view.settings.limitsOf(type);
  if (limits === undefined) {
    const words = `instance type ${type} is not known; if it can have a trunk, say how many branches: kubectl -n kube-system patch configmap branchline-instance-types --type merge -p '{"data":{"${type}":"INTERFACES BRANCHES"}}'`;
    return impossible(words);
  }
  if (limits.branches === 0) return impossible(`instance type ${type} can have no trunk`);
  if (view.cniNode?.eniConfig !== undefined && limits.interfaces < 3) {
    return impossible(
      `instance type ${type} takes ${limits.interfaces} interfaces: with custom networking the node's own and that of its pods leave none for a trunk`,
    );
  }
  if (view.eniConfig === "missing") {
    return {
      about: "node",
      type: "Warning",
      reason: "TrunkWaiting",
      message: `the CNINode names the ENIConfig ${view.cniNode?.eniConfig ?? ""}, which does not exist: subnet and groups of the trunk are not known`,
    };
  }
  return trunk.state === "absent" ? noSlot(trunk.facts, limits) : undefined;
}

function typeOf(view: View, trunk: Trunk): string | undefined {
  const facts = trunk.state === "absent" || trunk.state === "created" ? trunk.facts : undefined;
  return facts?.type ?? view.node?.instanceType;
}

function noSlot({ type, deviceIndexes }: InstanceFacts, { interfaces }: TypeLimits): Note | undefined {
  if (deviceIndexes.length < interfaces) return undefined;
  return {
    about: "node",
    type: "Warning",
    reason: "TrunkNoSlot",
    message: `all ${interfaces} interfaces that instance type ${type} takes are attached; aws-node leaves one free with ENABLE_POD_ENI=true or a lower MAX_ENI`,
  };
}

function impossible(message: string): Note {
  return { about: "node", type: "Warning", reason: "TrunkImpossible", message };
}

function failing(message: string): Note {
  return { about: "node", type: "Warning", reason: "TrunkFailed", message };
}
