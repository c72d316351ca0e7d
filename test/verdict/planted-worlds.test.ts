// Planted defects, of the verdict and of the simulator's data plane, are found by random worlds: one of the verdict by what
// packets did in worlds that are played once for all of them, one of the data plane in a VPC of its own.
//
//     npx vitest run --project worlds planted
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type * as dataPlane from "../../src/simulator/data-plane/data-plane.ts";
import type * as verdict from "../../src/verdict/verdict.ts";
import { copyWith, plantsIn } from "../planted/copies.ts";
import { Ground, type Played } from "./compare.ts";
import { differenceOf } from "./difference.ts";
import { worldOf } from "./generate.ts";
import { callText } from "./report.ts";

/** By then each of them has been found more than once. */
const WORLDS = 150;
const PATIENCE = { milliseconds: 150, secondMs: 2000 };

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), "branchline-planted-"));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function load(copy: string, file: string): Promise<unknown> {
  return (await import(pathToFileURL(path.join(copy, file)).href)) as unknown;
}

describe("of the verdict", () => {
  const played: Played[] = [];

  beforeAll(async () => {
    const ground = await Ground.open(PATIENCE);
    try {
      for (let seed = 1; seed <= WORLDS; seed += 1) played.push(await ground.play(worldOf(seed)));
    } finally {
      await ground.close();
    }
  }, 600_000);

  /** What worlds say of a verdict: a line for each disagreement. */
  function faultsOf(judge: typeof verdict.judge): string[] {
    return played.flatMap(({ judged, filters, flows }, i) =>
      judged.flatMap(({ call, path: asked, isReached }) => {
        const said = judge(filters, asked);
        const packets = differenceOf(said, isReached, flows);
        return packets === undefined
          ? []
          : [`world ${i + 1}: ${callText(call)}: ${said.line}, and ${packets}`];
      }),
    );
  }

  it("nothing is found without a defect", async () => {
    const copy = copyWith(directory, "sound", "verdict", undefined);
    const { judge } = (await load(copy, "src/verdict/verdict.ts")) as typeof verdict;
    expect(faultsOf(judge)).toEqual([]);
  });

  it.each(plantsIn("verdict").filter(({ header }) => header("Worlds") !== undefined))(
    "$name is found",
    async ({ name, file }) => {
      const copy = copyWith(directory, name, "verdict", file);
      const { judge } = (await load(copy, "src/verdict/verdict.ts")) as typeof verdict;
      expect(faultsOf(judge).length).toBeGreaterThan(0);
    },
  );
});

describe("of the data plane", () => {
  it.each(plantsIn("data-plane"))(
    "$name is found",
    async ({ name, file }) => {
      const copy = copyWith(directory, `plane-${name}`, "simulator/data-plane", file);
      const { DataPlane } = (await load(copy, "src/simulator/data-plane/data-plane.ts")) as typeof dataPlane;
      const ground = await Ground.open(PATIENCE, DataPlane);
      let found: string | undefined;
      try {
        for (let seed = 1; seed <= WORLDS && found === undefined; seed += 1)
          found = (await ground.play(worldOf(seed))).disagreements[0]?.packets;
      } finally {
        await ground.close();
      }
      expect(found).toBeDefined();
    },
    300_000,
  );
});
