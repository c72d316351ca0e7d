// What a runtime does after a plugin was killed in the middle: each of the ways must leave nothing.
import type { Node } from "../../../src/attachment/node.ts";
import { AttachmentStore } from "../../../src/state/store.ts";
import { systemClock } from "../../../src/sys/clock.ts";
import { deleteNetns, netnsPath } from "../../ground/index.ts";
import { mustCall, type Sandbox } from "./plugin.ts";
import type { Before, Setting } from "./setting.ts";
import { changes, viewOf } from "./view.ts";

export interface Scene {
  readonly setting: Setting;
  readonly stateDirectory: string;
  /** Two sandboxes of the same pod: the one that calls are killed for, and kubelet's next try. */
  readonly first: Sandbox;
  readonly next: Sandbox;
  readonly before: Before;
}

export interface Aftermath {
  readonly name: string;
  /** For every how many-th change it is tried in process: each costs a namespace of its own, or nothing. */
  readonly every: number;
  /** The sandbox that the call to be killed is for. */
  readonly prepare: (scene: Scene) => Promise<Sandbox>;
  /** Throws unless nothing is left in the end. */
  readonly proceed: (scene: Scene, killed: Sandbox, what: string) => Promise<void>;
}

/** A node with nothing in between. */
export function plainNode(stateDirectory: string): Node {
  return { store: new AttachmentStore(stateDirectory, systemClock), clock: systemClock };
}

let thrownAway = 0;

export const aftermaths: readonly Aftermath[] = [
  {
    name: "DEL",
    every: 1,
    prepare: (scene) => Promise.resolve(scene.first),
    proceed: async ({ stateDirectory, before }, killed, what) => {
      await mustCall(plainNode(stateDirectory), "DEL", killed);
      before.expectAgain(what, stateDirectory);
    },
  },
  {
    name: "ADD of the same pod's next sandbox, and a late DEL",
    every: 1,
    prepare: (scene) => Promise.resolve(scene.first),
    proceed: async ({ stateDirectory, before, next }, killed, what) => {
      const node = plainNode(stateDirectory);
      const { result } = await mustCall(node, "ADD", next);
      if (result === undefined) throw new Error(`${what}: ADD answered nothing`);
      const owner = { ...next, prevResult: result };
      await mustCall(node, "CHECK", owner);
      const look = () => [...viewOf(), ...viewOf(netnsPath(next.netns))];
      const held = look();
      await mustCall(node, "DEL", killed);
      const touched = changes(held, look());
      if (touched.length > 0) throw new Error(`${what}: the late DEL touched\n${touched.join("\n")}`);
      await mustCall(node, "CHECK", owner);
      await mustCall(node, "DEL", owner);
      before.expectAgain(what, stateDirectory);
    },
  },
  {
    name: "the namespace deleted, and DEL without it",
    every: 2,
    prepare: ({ setting }) => setting.throwaway(`gone-${(thrownAway += 1)}`, 60),
    proceed: async ({ stateDirectory, before }, killed, what) => {
      await deleteNetns(killed.netns);
      await mustCall(plainNode(stateDirectory), "DEL", killed, { forgotten: true });
      await before.expectSoon(what, stateDirectory);
    },
  },
];
