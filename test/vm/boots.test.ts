import { expect, test } from "vitest";
import { untilBegun } from "./boots.ts";
import { GuestError, type GuestFailure } from "./errors.ts";

const failed = (failure: GuestFailure, begun = false) => new GuestError(failure, "Oops", [], { begun });

/** Boots that end like this one after the other: what came of them, and how many more there could have been each time. */
async function boots(...endings: readonly (string | GuestError)[]) {
  const left = [...endings];
  const again: number[] = [];
  const boot = () => {
    const ending = left.shift() ?? "one boot too many";
    return typeof ending === "string" ? Promise.resolve(ending) : Promise.reject(ending);
  };
  const result = await untilBegun(boot, (_failure, more) => again.push(more)).catch(
    (error: unknown) => error,
  );
  return { result, again };
}

const panic = failed("panicked");

test("the first boot that begins counts, and each boot more is told of", async () => {
  expect(await boots("ok")).toEqual({ result: "ok", again: [] });
  expect(await boots(panic, "ok")).toEqual({ result: "ok", again: [2] });
  expect(await boots(panic, panic, "ok")).toEqual({ result: "ok", again: [2, 1] });
});

test("three panics are a failure", async () => {
  expect(await boots(panic, panic, panic, "ok")).toEqual({ result: panic, again: [2, 1] });
});

test.each<[string, GuestError]>([
  ["a panic of a guest that had begun", failed("panicked", true)],
  ["one that hung", failed("hung")],
  ["one that never started", failed("not started")],
])("%s is not tried again", async (_what, failure) => {
  expect(await boots(failure, "ok")).toEqual({ result: failure, again: [] });
});
