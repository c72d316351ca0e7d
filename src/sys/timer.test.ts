import { expect, it } from "vitest";
import { systemTimer } from "./timer.ts";

it("a sleep that is aborted rejects with the reason", async () => {
  const controller = new AbortController();
  const slept = systemTimer.sleep(60_000, controller.signal);
  controller.abort(new Error("enough"));
  await expect(slept).rejects.toThrow("enough");
  await expect(systemTimer.sleep(1, controller.signal)).rejects.toThrow("enough");
});

it("sleeps as long as asked, and not at all for less than nothing", async () => {
  const { signal } = new AbortController();
  const before = systemTimer.now();
  await systemTimer.sleep(20, signal);
  await systemTimer.sleep(-5, signal);
  expect(systemTimer.now() - before).toBeGreaterThanOrEqual(19);
});
