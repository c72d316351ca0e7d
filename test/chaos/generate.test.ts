// Sequences without a kernel: each operation comes to the first thing that the model allows.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseOperation } from "./generate.ts";
import { applicable } from "./model/applicable.ts";
import { recordNames } from "./model/files.ts";
import type { Operation } from "./model/operation.ts";
import { bury } from "./model/changes.ts";
import { outcomesOf } from "./model/outcome.ts";
import { vlanIdOf } from "./model/pool.ts";
import { type World, newWorld, sandboxesIn } from "./model/world.ts";
import { Random } from "./random.ts";

interface Step {
  readonly operation: Operation;
  readonly world: World;
}

/** `choose` says which of several outcomes it is. */
function walk(seed: number, rounds: number, choose: (outcomes: number) => number = () => 0): Step[] {
  const random = new Random(seed);
  const steps: Step[] = [];
  let world = newWorld();
  for (let round = 0; round < rounds; round += 1) {
    const operation = chooseOperation(world, random, { executable: true });
    const killed = "kill" in operation && operation.kill !== undefined && random.chance(0.7);
    const outcomes = outcomesOf(world, operation, killed);
    world = outcomes[choose(outcomes.length) % outcomes.length]?.world ?? world;
    if (operation.op === "del" && operation.bury === true) world = bury(world, operation.sandbox);
    steps.push({ operation, world });
  }
  return steps;
}

describe("sequences of operations", () => {
  test("the same seed gives the same", () => {
    const operations = (seed: number) => walk(seed, 60).map(({ operation }) => operation);
    expect(operations(4)).toEqual(operations(4));
    expect(operations(4)).not.toEqual(operations(5));
  });

  test("every operation is applicable where it is chosen, survives JSON, and has an outcome", () => {
    let world = newWorld();
    const random = new Random(9);
    for (let round = 0; round < 400; round += 1) {
      const operation = chooseOperation(world, random, { executable: true });
      expect(applicable(world, operation)).toBe(true);
      expect(JSON.parse(JSON.stringify(operation))).toEqual(operation);
      const [outcome] = outcomesOf(world, operation);
      expect(outcome).toBeDefined();
      world = outcome?.world ?? world;
    }
  });

  test("every kind comes in a few hundred rounds", () => {
    const seen = new Set(walk(2, 800).map(({ operation }) => operation.op));
    expect([...seen].sort()).toEqual(
      "add check del destroy gc neighbour pair replace status trunk unplug".split(" ").sort(),
    );
  });

  test("without the executable no operation needs it", () => {
    let world = newWorld();
    const random = new Random(9);
    for (let round = 0; round < 400; round += 1) {
      const operation = chooseOperation(world, random, { executable: false });
      const by = "kill" in operation ? (operation.kill?.by ?? "none") : "none";
      expect(["none", "gate"]).toContain(by);
      expect(operation.op).not.toBe("pair");
      world = outcomesOf(world, operation)[0]?.world ?? world;
    }
  });

  test("whatever comes, no VLAN id has two attachments, no sandbox either, and no buried one has any", () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }), (seed, choices) => {
        let turn = 0;
        for (const { world } of walk(seed, 60, () => choices[turn++ % choices.length] ?? 0)) {
          const unique = (list: readonly number[]) => new Set(list).size === list.length;
          expect(unique(world.attachments.map(({ eni }) => vlanIdOf(eni)))).toBe(true);
          expect(unique(world.attachments.map(({ sandbox }) => sandbox))).toBe(true);
          const buried = sandboxesIn(world).filter((state) => state.buried);
          const ids = new Set(buried.map(({ spec }) => spec.id));
          expect(world.attachments.filter(({ sandbox }) => ids.has(sandbox))).toEqual([]);
          for (const { namespace, veth } of buried)
            expect({ namespace, veth }).toEqual({ namespace: false, veth: false });
        }
      }),
      { numRuns: 40 },
    );
  });

  test("an empty GC of each network leaves nothing of a branch", () => {
    for (const seed of [1, 2, 3]) {
      let world = walk(seed, 120).at(-1)?.world ?? newWorld();
      expect(world.attachments.length).toBeGreaterThan(0);
      for (const network of ["chaos", "second"] as const) {
        world = outcomesOf(world, { op: "gc", network, valid: [] })[0]?.world ?? world;
      }
      expect(recordNames(world)).toEqual([]);
    }
  });
});
