import { expect, it, test } from "vitest";
import { Simulator } from "./model/simulator.ts";
import { emptyWorld } from "./model/world.ts";
import { readSnapshot, snapshotOf } from "./snapshot.ts";
import { EXAMPLE, applyWorldFile } from "./world-file.ts";

it("is the same world, which goes on in the same way", () => {
  const world = emptyWorld(3);
  const ipv6 = EXAMPLE.replace("cidr: 10.0.0.0/16", "$&\n    ipv6: true").replace(
    "us-east-1a }",
    "us-east-1a, ipv6: true }",
  );
  applyWorldFile(world, ipv6, 1000);
  const [subnet = ""] = world.subnets.keys();
  const wanted = { SubnetId: subnet, Ipv4PrefixCount: "1", Ipv6PrefixCount: "1" };
  const create = (of: Simulator) =>
    of.execute("CreateNetworkInterface", { Version: "2016-11-15", ...wanted }, 2000);
  create(new Simulator(world));
  const again = readSnapshot(snapshotOf(world, 2000));
  expect(again).toEqual(world);
  // With the same random numbers, addresses, prefixes and tokens.
  expect(create(new Simulator(again))).toEqual(create(new Simulator(world)));
  expect(again).toEqual(world);
});

test.each([
  "",
  "{}",
  "null",
  '{"format":1,"now":0,"world":{}}',
  '{"format":2,"now":0,"world":{}}',
  '{"format":3,"now":0,"world":{}}',
  '{"format":4,"now":0,"world":{}}',
  "[1]",
])("%j is no snapshot", (text) => {
  expect(() => readSnapshot(text)).toThrow(/snapshot|JSON/);
});
