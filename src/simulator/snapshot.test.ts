import { expect, it, test } from "vitest";
import { Simulator } from "./model/simulator.ts";
import { emptyWorld } from "./model/world.ts";
import { readSnapshot, snapshotOf } from "./snapshot.ts";
import { EXAMPLE, applyWorldFile } from "./world-file.ts";

it("is the same world, which goes on in the same way", () => {
  const world = emptyWorld(3);
  applyWorldFile(world, EXAMPLE, 1000);
  const [subnet] = world.subnets.keys();
  const create = (of: Simulator) =>
    of.execute("CreateNetworkInterface", { Version: "2016-11-15", SubnetId: subnet ?? "" }, 2000);
  create(new Simulator(world));
  const again = readSnapshot(snapshotOf(world, 2000));
  expect(again).toEqual(world);
  // With the same random numbers, addresses and tokens.
  expect(create(new Simulator(again))).toEqual(create(new Simulator(world)));
  expect(again).toEqual(world);
});

test.each(["", "{}", "null", '{"format":1,"now":0,"world":{}}', '{"format":2,"now":0,"world":{}}', "[1]"])(
  "%j is no snapshot",
  (text) => {
    expect(() => readSnapshot(text)).toThrow(/snapshot|JSON/);
  },
);
