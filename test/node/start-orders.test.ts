// What a node is made of comes in any order. No pod that a policy selected when it was created runs without its branch, unless
// an event says so within ten seconds.
import { statSync, watch } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { choose } from "../ground/trace/choose.ts";
import { eventually, sleep } from "../ground/run.ts";
import { pieceOf, readCommit } from "../suites/piece.ts";
import { Arrivals } from "./support/arrivals.ts";
import { COMPONENTS, startOrders } from "./support/orders.ts";
import { AGENT_USER, LIST, Place } from "./support/place.ts";
import { startAgent } from "./support/run.ts";

/** So many in the gate, others with each commit. */
const GATE = 4;
/** Milliseconds between two arrivals: an agent has started, and ADDs that can succeed have. */
const GAP_MS = 1_500;
const REPORTED_MS = 10_000;
/** Of a pod that asks, from the last arrival on: a trunk is looked for every five seconds, and kubelet tries again. */
const STARTED_MS = 20_000;

let place: Place;

beforeAll(async () => {
  place = await Place.open();
});

afterAll(() => place[Symbol.asyncDispose]());

it("the list is there before the API server hears of the feature", async () => {
  await place.clear({ withPrimary: false });
  await place.makeCniNode(undefined);
  const seen: string[] = [];
  const watcher = watch(place.at("net.d"), (_event, name) => seen.push(name ?? ""));
  const agent = startAgent(place, ["--trunk-interface", "eth1"]);
  try {
    await agent.lacks("ListFirst", "waiting for the primary plugin's list");
    expect(await place.features()).toEqual([]);
    place.writePrimary();
    await eventually("the feature", async () => ((await place.features()).length > 0 ? true : undefined));
    await eventually("inotify", () => seen.includes(LIST) || undefined);
    // By one rename, so the time of its last change is the one at which it came.
    expect(seen.filter((name) => name === LIST)).toHaveLength(1);
    const { ctimeMs } = statSync(place.conf(LIST));
    const patches = place.server
      .audited(AGENT_USER)
      .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.resource === "cninodes");
    expect(patches).toHaveLength(1);
    expect(Date.parse(patches[0]?.requestReceivedTimestamp ?? "")).toBeGreaterThanOrEqual(
      Math.floor(ctimeMs),
    );
  } finally {
    watcher.close();
    await agent.end("SIGKILL");
  }
});

const orders = startOrders();

it("each component is the first one once, and the last one once", () => {
  expect(orders).toHaveLength(12);
  expect(new Set(orders.map((order) => order[0]))).toEqual(new Set(COMPONENTS));
  expect(new Set(orders.map((order) => order.at(-1)))).toEqual(new Set(COMPONENTS));
  for (const order of orders) expect(order.toSorted()).toEqual(COMPONENTS.toSorted());
});

const chosen =
  process.env["EVERY_CUT"] === "1"
    ? orders
    : choose(
        orders.map((order) => [order]),
        GATE,
        pieceOf(readCommit(import.meta.dirname), 10_000),
      );

describe("start order", () => {
  it.each(chosen.map((order) => [order.join(", "), order] as const))("%s", async (_name, order) => {
    const number = orders.indexOf(order) + 1;
    await using arrivals = await Arrivals.at(place, `order-${number}`);
    for (const component of order) {
      await arrivals.come(component);
      await sleep(GAP_MS);
    }
    await expect.poll(() => arrivals.started("asking"), { timeout: STARTED_MS }).toBeDefined();
    for (const name of ["asking", "bare"] as const) {
      const started = arrivals.started(name);
      // The limit is what the webhook writes: a policy has selected that pod, even if it is another one's now.
      if (started === undefined || started.hasBranch || (name === "bare" && !arrivals.isSelected)) continue;
      expect(started.byOurs, `${name} started by our list without its branch`).toBe(false);
      const since = Math.max(started.at, arrivals.watchedFrom);
      const left = since + REPORTED_MS - Date.now();
      await expect.poll(() => arrivals.isReported(name), { timeout: Math.max(left, 1) }).toBe(true);
    }
    expect(arrivals.failures).toEqual([]);
  });
});
