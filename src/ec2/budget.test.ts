import { expect, test } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import { Buckets } from "../simulator/model/buckets.ts";
import { ACTIONS } from "./actions.ts";
import { Budget, Budgets, backOffMs } from "./budget.ts";
import type { Priority } from "./waiting-line.ts";

const { signal } = new AbortController();

/** Notes who gets a token, and when. */
function noting(budget: Budget, timer: ManualTimer) {
  const order: string[] = [];
  return {
    order,
    ask: (name: string, priority: Priority, by = signal) =>
      void budget.take(by, priority).then(
        () => order.push(`${name} ${timer.now() / 1000}`),
        () => {},
      ),
  };
}

test("1,000 calls at 50 and 5 a second take 190 seconds", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([50, 5], timer);
  let left = 1000;
  for (let i = 0; i < 1000; i++) void budget.take(signal, "waiting").then(() => (left -= 1));
  await timer.advance(189_900);
  expect(left).toBe(1);
  await timer.advance(100);
  expect(left).toBe(0);
});

test("calls that arrive up to a second sooner than the first one did are not refused", async () => {
  const timer = new ManualTimer();
  const budget = new Budgets(timer).of("AssociateTrunkInterface");
  const arrivals: number[] = [];
  for (let i = 0; i < 300; i++) {
    const underWay = i < 60 ? 1_000 : i % 7;
    void budget.take(signal, "waiting").then(() => arrivals.push(timer.now() + underWay));
  }
  await timer.advance(60_000);
  expect(arrivals).toHaveLength(300);
  const ofEc2 = new Buckets();
  const refused = arrivals
    .toSorted((a, b) => a - b)
    .filter((at) => !ofEc2.take("AssociateTrunkInterface", [50, 5], at));
  expect(refused).toEqual([]);
});

test.each([
  ["AssociateTrunkInterface", 45],
  ["DescribeInstances", 90],
])("of the bucket of %s, %i calls go at once", async (action, count) => {
  const timer = new ManualTimer();
  const budget = new Budgets(timer).of(action);
  let gone = 0;
  for (let i = 0; i < 100; i++) void budget.take(signal, "waiting").then(() => (gone += 1));
  await settle();
  expect(gone).toBe(count);
});

test("the most urgent goes first, and first come, first served within one", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([1, 1], timer);
  const { order, ask } = noting(budget, timer);
  ask("first", "warming");
  for (const priority of ["warming", "releasing", "changing", "waiting"] as const) {
    ask(`${priority} 1`, priority);
    ask(`${priority} 2`, priority);
  }
  await timer.advance(6_000);
  expect(order).toEqual([
    "first 0",
    "waiting 1 1",
    "waiting 2 2",
    "changing 1 3",
    "changing 2 4",
    "releasing 1 5",
    "releasing 2 6",
  ]);
});

test("nobody takes the token of somebody who waits, before that one has woken", async () => {
  let now = 0;
  let wake = () => {};
  const clock = {
    now: () => now,
    sleep: () => new Promise<void>((resolve) => (wake = resolve)),
  };
  const budget = new Budget([1, 1], clock);
  const order: string[] = [];
  await budget.take(signal, "waiting");
  void budget.take(signal, "waiting").then(() => order.push("pod"));
  now = 1_000;
  void budget.take(signal, "warming").then(() => order.push("ahead"));
  await settle();
  expect(order).toEqual([]);
  wake();
  await settle();
  expect(order).toEqual(["pod"]);
});

test("nobody starves: each eighth token goes to whoever has waited longest", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([1, 1], timer);
  const { order, ask } = noting(budget, timer);
  await budget.take(signal, "waiting");
  ask("release 1", "releasing");
  ask("warm", "warming");
  // Two pods for each token.
  for (let second = 0; second < 30; second++) {
    ask("pod", "waiting");
    ask("pod", "waiting");
    await timer.advance(1_000);
  }
  expect(order.filter((line) => !line.startsWith("pod"))).toEqual(["release 1 8", "warm 16"]);
  expect(order).toHaveLength(30);
});

test("a throttled API halves its rate, down to a sixteenth, and doubles it again each half minute", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([50, 16], timer);
  budget.throttled(await budget.take(signal, "waiting"));
  expect(budget.rate()).toBe(8);
  for (let i = 0; i < 9; i++) {
    await timer.advance(1_000);
    budget.throttled(timer.now());
  }
  expect(budget.rate()).toBe(1);
  await timer.advance(60_000);
  await budget.take(signal, "waiting");
  expect(budget.rate()).toBe(4);
});

test("many that were under way at once, and are all refused, halve it once", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([50, 16], timer);
  const taken = await Promise.all(Array.from({ length: 40 }, () => budget.take(signal, "waiting")));
  for (const at of taken) {
    await timer.advance(10);
    budget.throttled(at);
  }
  expect(budget.rate()).toBe(8);
  await timer.advance(1_000);
  budget.throttled(await budget.take(signal, "waiting"));
  expect(budget.rate()).toBe(4);
});

test("who waits already waits longer when the API is throttled", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([1, 1], timer);
  const { order, ask } = noting(budget, timer);
  await budget.take(signal, "waiting");
  ask("pod", "waiting");
  await timer.advance(500);
  budget.throttled(timer.now());
  await timer.advance(1_900);
  expect(order).toEqual([]);
  await timer.advance(700);
  expect(order).toHaveLength(1);
});

test("a wait that is aborted takes no token, and leaves no timer behind", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([1, 1], timer);
  const { order, ask } = noting(budget, timer);
  await budget.take(signal, "waiting");
  const given = new AbortController();
  const waiting = budget.take(given.signal, "waiting");
  given.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await settle();
  expect(timer.sleeping).toBe(0);
  ask("next", "waiting");
  await timer.advance(1_000);
  expect(order).toEqual(["next 1"]);
  await expect(budget.take(given.signal, "waiting")).rejects.toThrow("enough");
});

test("somebody who comes as the last one leaves is served all the same", async () => {
  const timer = new ManualTimer();
  const budget = new Budget([1, 1], timer);
  const { order, ask } = noting(budget, timer);
  await budget.take(signal, "waiting");
  const given = new AbortController();
  ask("gone", "waiting", given.signal);
  await settle();
  given.abort(new Error("enough"));
  ask("next", "warming");
  await timer.advance(1_000);
  expect(order).toEqual(["next 1"]);
});

test("each API has its figures from the start", async () => {
  const timer = new ManualTimer();
  const budgets = new Budgets(timer, { AssociateTrunkInterface: [1, 1] });
  const budget = budgets.of("AssociateTrunkInterface");
  for (let i = 0; i < 3; i++) void budget.take(signal, "waiting");
  await timer.advance(1_500);
  budget.throttled(timer.now());
  const figures = new Map(budgets.figures());
  expect([...figures.keys()]).toEqual([...ACTIONS]);
  expect(figures.get("AssociateTrunkInterface")).toEqual({
    calls: 2,
    waitedSeconds: 1,
    throttled: 1,
    waiting: 1,
  });
  expect(figures.get("DescribeSubnets")).toEqual({ calls: 0, waitedSeconds: 0, throttled: 0, waiting: 0 });
  expect(() => budgets.of("RunInstances")).toThrow("no budget for RunInstances");
});

test("the back-off doubles from half a second at least to a minute at most", () => {
  expect(backOffMs(1, () => 0)).toBe(500);
  expect(backOffMs(3, () => 1)).toBe(4000);
  expect(backOffMs(50, () => 1)).toBe(60_000);
});
