import { describe, expect, it } from "vitest";
import { type Clock, poll, systemClock } from "./clock.ts";

function handClock(): Clock & { passed(): number } {
  let now = 0;
  return { now: () => now, sleep: (milliseconds) => void (now += milliseconds), passed: () => now };
}

describe("polling", () => {
  it("tries at once, and does not wait when that is enough", () => {
    const clock = handClock();
    expect(poll(clock, 100, 10, () => "now")).toBe("now");
    expect(clock.passed()).toBe(0);
  });

  it.each([
    ["tries until it succeeds", 3, "third", 20],
    ["gives up when the time is over", 99, undefined, 100],
  ])("%s", (_, success, value, passed) => {
    const clock = handClock();
    let tries = 0;
    expect(poll(clock, 100, 10, () => (++tries === success ? "third" : undefined))).toBe(value);
    expect(clock.passed()).toBe(passed);
  });

  it("takes false and 0 for answers", () => {
    expect(poll(handClock(), 100, 10, () => 0)).toBe(0);
    expect(poll(handClock(), 100, 10, () => false)).toBe(false);
  });

  it("without time tries once", () => {
    let tries = 0;
    poll(handClock(), 0, 10, () => void tries++);
    expect(tries).toBe(1);
  });
});

it("the system's clock sleeps at least as long as it is told", () => {
  const before = systemClock.now();
  systemClock.sleep(20);
  expect(systemClock.now() - before).toBeGreaterThanOrEqual(19);
});
