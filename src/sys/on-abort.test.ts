import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { onAbort } from "./on-abort.ts";

it("calls everybody once, but those who took it back", () => {
  const controller = new AbortController();
  const called: string[] = [];
  onAbort(controller.signal, () => called.push("first"));
  const takeBack = onAbort(controller.signal, () => called.push("second"));
  onAbort(controller.signal, () => called.push("third"));
  takeBack();
  takeBack();
  controller.abort();
  expect(called).toEqual(["first", "third"]);
});

it("does not call whoever is taken back by somebody that is called before", () => {
  const controller = new AbortController();
  const called: string[] = [];
  let takeBack = () => {};
  onAbort(controller.signal, () => takeBack());
  takeBack = onAbort(controller.signal, () => called.push("second"));
  controller.abort();
  expect(called).toEqual([]);
});

it("takes the same function as often as it is given", () => {
  const controller = new AbortController();
  let count = 0;
  const call = () => (count += 1);
  onAbort(controller.signal, call);
  const takeBack = onAbort(controller.signal, call);
  takeBack();
  controller.abort();
  expect(count).toBe(1);
});

it("leaves one listener on the signal while somebody waits, and none after", () => {
  const { signal } = new AbortController();
  const back = Array.from({ length: 100 }, () => onAbort(signal, () => {}));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  for (const takeBack of back) takeBack();
  expect(getEventListeners(signal, "abort")).toEqual([]);
  onAbort(signal, () => {})();
  expect(getEventListeners(signal, "abort")).toEqual([]);
});
