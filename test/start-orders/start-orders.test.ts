import { afterAll, beforeAll, describe, expect, it } from "vitest";
import "./in-place.ts";
import { Tally, runs } from "../fuzz/runs.ts";
import { HARSH, PLAIN, type Circumstances, circumstancesOf } from "./circumstances.ts";
import type { Outcome } from "./judge.ts";
import { type Order, PARTS, ordersOf } from "./parts.ts";
import { patience } from "./patience.ts";
import { type Run, play } from "./play.ts";

const ORDERS = ordersOf();

/** Neighbours begin alike: this goes through all of them, from far to far. */
const orderAt = (i: number): Order => ORDERS[(i * 1_733) % ORDERS.length] ?? [];

/** What pods came to, by "NAME OUTCOME". */
const tallied = (tally: Tally, { outcomes }: Run) => {
  for (const [name, outcome] of outcomes) tally.count(`${name} ${outcome}`);
};

/** Plays it, and fails with all that happened when anything did that must not. */
async function playWell(order: Order, circumstances: Circumstances, seed?: number): Promise<Run> {
  const run = await play(order, circumstances);
  const violations = [...run.violations];
  // Without this it would be well because no pod starts.
  if (run.outcomes.size !== 3) violations.push("not each of the first three pods came to an end");
  if (run.outcomes.get("plain") !== "ordinary")
    violations.push("the pod that no policy selects does not run");
  if (violations.length === 0) return run;
  const { trace } = await play(order, circumstances, true);
  const where = `${seed === undefined ? "" : `seed ${seed}: `}${order.join(", ")}; ${JSON.stringify(circumstances)}`;
  throw new Error([...violations, where, ...trace].join("\n"));
}

describe("whatever starts first", () => {
  // The API server is away in most of these orders, and each refused request is an error with a stack.
  const { stackTraceLimit } = Error;
  beforeAll(() => void (Error.stackTraceLimit = 0));
  afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

  it("has seven parts in 5,040 orders", () => {
    expect(new Set(ORDERS.map((order) => order.join())).size).toBe(5_040);
    expect(new Set(ORDERS.map((_, i) => orderAt(i).join())).size).toBe(5_040);
  });

  it("no pod that a policy selected runs without its branch, or it is reported", patience, async () => {
    const tally = new Tally();
    for (const order of ORDERS) tallied(tally, await playWell(order, PLAIN));
    // That each kind occurs, and often: else it would be true because nothing happens.
    expect(
      tally.rare({
        "web branch": 0.1,
        "web refused": 0.01,
        "web ordinary": 0.1,
        "till refused": 0.1,
        "till escaped": 0.01,
        "till ordinary": 0.1,
      }),
    ).toEqual([]);
    // Capacity for branches comes after our list, so a pod that asks for one never starts before it.
    expect(tally.of("web escaped")).toBe(0);
    expect(tally.of("till branch")).toBe(0);
  });

  it("nor with an agent that ends, watches that lag, a trunk of before, and the rest", patience, async () => {
    const tally = new Tally();
    const { seed = 0, numRuns = 0 } = runs(600);
    for (let i = 0; i < numRuns; i++) {
      const circumstances = circumstancesOf(seed + i);
      const run = await playWell(orderAt(seed + i), circumstances, seed + i);
      tallied(tally, run);
      const { end, outage, mode } = circumstances;
      if (run.wasEnded) tally.count(end?.how ?? "");
      if (outage !== undefined) tally.count("outage");
      tally.count(mode);
    }
    const shares = {
      "web branch": 0.02,
      "web escaped": 0.005,
      "web refused": 0.02,
      "till escaped": 0.01,
      SIGKILL: 0.02,
      SIGTERM: 0.01,
      outage: 0.02,
      closed: 0.02,
    };
    expect(tally.rare(shares)).toEqual([]);
  });

  it("nor with an agent that is killed before or after each thing that it does", patience, async () => {
    const { seed = 0, numRuns = 0 } = runs(6);
    let killed = 0;
    // Each of them is some fifty runs.
    const orders = Math.min(Math.ceil(numRuns / 50), ORDERS.length) + 5;
    for (let i = 0; i < orders; i++) {
      const order = orderAt(seed + i);
      const base = i % 2 === 0 ? PLAIN : HARSH;
      const { effects } = await playWell(order, base);
      for (let at = 1; at <= effects; at++) {
        for (const when of ["before", "after"] as const) {
          const { wasEnded } = await playWell(order, { ...base, end: { how: "SIGKILL", at, when } });
          if (wasEnded) killed += 1;
        }
      }
    }
    expect(killed).toBeGreaterThan(30 * orders);
  });

  it.each<[string, Order, Circumstances]>([
    [
      "whose sandbox was made just before the agent started",
      ["API server", "trunk", "policy", "pod", "kubelet", "aws-node", "agent"],
      HARSH,
    ],
    [
      "which the agent sees sooner than the policy before it",
      ["API server", "kubelet", "agent", "trunk", "policy", "pod", "aws-node"],
      { ...PLAIN, gap: 700, reaction: 20, lag: { pods: 0, policies: 5_000 } },
    ],
  ])("a pod %s is reported as soon as that can be known", async (_what, order, circumstances) => {
    const { outcomes } = await playWell(order, circumstances);
    expect(outcomes.get("till")).toBe("escaped" satisfies Outcome);
  });

  it("none escapes where nobody but the agent writes the runtime's lists", patience, async () => {
    const tally = new Tally();
    for (let i = 0; i < ORDERS.length / 14; i++)
      tallied(tally, await playWell(orderAt(i), { ...PLAIN, trunk: "left", mode: "closed" }));
    expect(tally.of("till escaped") + tally.of("web escaped")).toBe(0);
    expect(tally.rare({ "web branch": 0.05, "web refused": 0.05, "till refused": 0.05 })).toEqual([]);
  });

  it("an agent that may not read policies holds up no pod", patience, async () => {
    const orders = ORDERS.filter((order) => order.at(-1) === "policy").filter((_, i) => i % 12 === 0);
    for (const order of orders) {
      const { outcomes, violations } = await play(order, { ...PLAIN, isDenied: true });
      expect([order, ...violations]).toEqual([order]);
      for (const name of ["plain", "web", "till"]) expect(outcomes.get(name)).toBe("ordinary");
    }
    expect(orders).toHaveLength(60);
  });

  it("is played the same each time", async () => {
    const seen = async () => {
      const { trace } = await play(orderAt(1_000), circumstancesOf(7), true);
      return trace.map((line) => line.replaceAll(/agent-\d+/g, "agent"));
    };
    expect(await seen()).toEqual(await seen());
  });

  it("whether a policy looks at the pod's own labels or at its ServiceAccount's", async () => {
    const order = ["API server", "kubelet", "aws-node", "policy", "pod", "agent", "trunk"] as const;
    for (const selector of ["pod", "account"] as const) {
      const { outcomes } = await playWell(order, { ...PLAIN, selector });
      expect(outcomes.get("till")).toBe("escaped" satisfies Outcome);
    }
    expect(order.length).toBe(PARTS.length);
  });
});
