import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { LinkedAbort } from "./linked-abort.ts";

it("is aborted with whichever comes first, for its reason", () => {
  const [first, second] = [new AbortController(), new AbortController()];
  using linked = new LinkedAbort(first.signal, second.signal);
  second.abort(new Error("second"));
  first.abort(new Error("first"));
  expect(linked.signal.reason).toEqual(new Error("second"));
});

it("is aborted at once by what is aborted already", () => {
  const controller = new AbortController();
  controller.abort(new Error("over"));
  using linked = new LinkedAbort(new AbortController().signal, controller.signal);
  expect(linked.signal.aborted).toBe(true);
});

it("leaves nothing on a signal that lives on", () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 100; i += 1) {
    using linked = new LinkedAbort(signal, new AbortController().signal);
    if (i % 2 === 0) linked.abort(new Error("done"));
  }
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
