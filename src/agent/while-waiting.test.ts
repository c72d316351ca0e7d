import { expect, it, vi } from "vitest";
import { ManualTimer } from "../../test/unit/manual-timer.ts";
import { whileWaiting } from "./while-waiting.ts";

const { signal } = new AbortController();

it("looks each second until it is there, and leaves nothing with what it waits for", async () => {
  const timer = new ManualTimer();
  const { promise, resolve } = Promise.withResolvers<string>();
  const then = vi.spyOn(promise, "then");
  const look = vi.fn<() => void>();
  const waited = whileWaiting(promise, timer, signal, look);
  for (let second = 0; second < 100; second++) await timer.advance(1_000);
  expect(look).toHaveBeenCalledTimes(100);
  expect(then).toHaveBeenCalledTimes(1);
  resolve("there");
  expect(await waited).toBe("there");
});

it("fails as it fails", async () => {
  const { promise, reject } = Promise.withResolvers<string>();
  const waited = whileWaiting(promise, new ManualTimer(), signal, () => undefined);
  reject(new Error("no"));
  await expect(waited).rejects.toThrow("no");
});

it("ends with the signal, as what it waits for does", async () => {
  const stop = new AbortController();
  const { promise, reject } = Promise.withResolvers<string>();
  stop.signal.addEventListener("abort", () => reject(stop.signal.reason));
  const waited = whileWaiting(promise, new ManualTimer(), stop.signal, () => undefined);
  stop.abort(new Error("the end"));
  await expect(waited).rejects.toThrow("the end");
});
