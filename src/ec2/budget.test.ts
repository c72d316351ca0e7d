import { expect, test } from "vitest";
import { Budget, backOffMs } from "./budget.ts";
import type { Timer } from "../sys/timer.ts";

/** Sleeping is what moves it. */
function manual(): Timer & { at: number } {
  return {
    at: 0,
    now() {
      return this.at;
    },
    async sleep(milliseconds, signal) {
      signal.throwIfAborted();
      this.at += milliseconds;
    },
  };
}

const { signal } = new AbortController();

test("1,000 calls at 50 and 5 a second take 190 seconds", async () => {
  const clock = manual();
  const budget = new Budget([50, 5], clock);
  for (let i = 0; i < 1000; i++) await budget.take(signal);
  expect(clock.at).toBeCloseTo(190_000, 3);
});

test("a throttled API halves its rate, down to a sixteenth, and doubles it again each half minute", () => {
  const clock = manual();
  const budget = new Budget([50, 16], clock);
  budget.throttled();
  expect(budget.rate()).toBe(8);
  for (let i = 0; i < 9; i++) budget.throttled();
  expect(budget.rate()).toBe(1);
  clock.at += 60_000;
  void budget.take(signal);
  expect(budget.rate()).toBe(4);
});

test("a wait that is aborted gives its token back", async () => {
  const clock = manual();
  const budget = new Budget([1, 1], clock);
  await budget.take(signal);
  const controller = new AbortController();
  clock.sleep = async () => controller.abort(new Error("enough")) ?? controller.signal.throwIfAborted();
  await expect(budget.take(controller.signal)).rejects.toThrow("enough");
  clock.at += 1000;
  clock.sleep = async () => expect.unreachable("a token is there");
  await budget.take(signal);
});

test("the back-off doubles from half a second at least to a minute at most", () => {
  expect(backOffMs(1, () => 0)).toBe(500);
  expect(backOffMs(3, () => 1)).toBe(4000);
  expect(backOffMs(50, () => 1)).toBe(60_000);
});
