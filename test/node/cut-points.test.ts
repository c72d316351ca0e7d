// The agent, cut by SIGKILL at every operation on files and at every request to the API server. What it does in each scene is
// first recorded, so the points are counted, not timed; and pods start without end meanwhile.
import { afterAll, describe, expect, it } from "vitest";
import { choose } from "../ground/trace/choose.ts";
import { pieceOf, readCommit } from "../suites/piece.ts";
import { expectRight, expectSafe } from "./support/checks.ts";
import { Kubelet } from "./support/kubelet.ts";
import { Place } from "./support/place.ts";
import { nameOfPoint, pointsOf, runUntil, startAgain, type Point } from "./support/run.ts";
import { SCENES } from "./support/scenes.ts";

/** So many in the gate, others with each commit. */
const GATE = 25;
/** Seconds after the start within which it is said of a pod that it runs without its branch. */
const REPORTED_MS = 10_000;

const place = await Place.open();
const kubelet = new Kubelet(place);
const runs: Point[][] = [];
for (const scene of SCENES) runs.push(...(await pointsOf(place, scene)));
const chosen =
  process.env["EVERY_CUT"] === "1"
    ? runs.flat()
    : choose(runs, GATE, pieceOf(readCommit(import.meta.dirname), 10_000));

afterAll(async () => {
  await kubelet.pause();
  await place[Symbol.asyncDispose]();
});

it("has points at every step of what the agent does", () => {
  const names = runs.flat().map(nameOfPoint);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining([
      "a first start: before create bin/.branchline.*.tmp",
      "a first start: before write bin/.branchline.*.tmp (50)",
      "a first start: after rename bin/.branchline.*.tmp → bin/branchline",
      "a first start: before the API server has GET pods by spec.nodeName",
      "a first start: before the answer to WATCH securitygrouppolicies",
      "a first start: after listen state/.agent.sock.*.tmp",
      "a first start: before sync net.d/.05-branchline.conflist.*.tmp",
      "a first start: before the answer to PATCH cninodes/*",
      "a first start: after rename state/.trunk.json.*.tmp → state/trunk.json",
      "an upgrade: before remove net.d/.05-branchline.conflist.*.tmp",
    ]),
  );
});

describe("cut", () => {
  it.each(chosen.map((point) => [nameOfPoint(point), point] as const))("%s", async (_name, point) => {
    const { scene } = point;
    await scene.prepare(place);
    kubelet.expectList(scene.listStands);
    kubelet.resume();
    try {
      await runUntil(place, point);
      await expectSafe(place, scene);
      await using _agent = await startAgain(place, scene);
      await expect.poll(() => kubelet.unreported(), { timeout: REPORTED_MS }).toEqual([]);
      // Its last pod may need the agent to end.
      await kubelet.pause();
      await expectRight(place, scene);
    } finally {
      await kubelet.pause();
    }
    expect(kubelet.violations).toEqual([]);
  });

  it("pods of each kind started meanwhile, before our list and by it", () => {
    const { started, refused, byPrimary } = kubelet.tally;
    expect(started.branch).toBeGreaterThan(0);
    expect(started.late).toBeGreaterThan(0);
    expect(started.plain).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    expect(byPrimary).toBeGreaterThan(0);
  });
});
