// The simulator in this process, with a data plane of network namespaces.
import { DataPlane } from "../../src/simulator/data-plane/data-plane.ts";
import { emptyWorld } from "../../src/simulator/model/world.ts";
import { type Running, start } from "../../src/simulator/start.ts";
import { applyWorldFile } from "../../src/simulator/world-file.ts";
import { branchDevice } from "./macvlan/iproute.ts";

export interface VpcOptions {
  /** What its namespaces' names begin with. */
  readonly prefix: string;
  /** A world file's text. */
  readonly world: string;
  /** The simulator's data plane, unless it is another's turn. */
  readonly Plane?: typeof DataPlane;
}

/** Says what goes wrong in the data plane. */
export function startSimulatedVpc({ prefix, world: text, Plane = DataPlane }: VpcOptions): Promise<Running> {
  return start({
    listen: "127.0.0.1:0",
    metadataListen: "127.0.0.1:0",
    log: ({ msg, error, script }) => {
      if (String(msg).startsWith("the data plane")) console.error(msg, error, script);
    },
    makeWorld: (now) => {
      const world = emptyWorld(1);
      applyWorldFile(world, text, now);
      return world;
    },
    makeDataPlane: (world) =>
      new Plane({
        prefix,
        world,
        log: ({ msg, error, script }) => console.error(msg, error, script),
        branchType: branchDevice,
      }),
  });
}
