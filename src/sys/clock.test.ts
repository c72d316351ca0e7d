import { describe, expect, it } from "vitest";
import { type Clock, poll, systemClock, timestamp } from "./clock.ts";

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

describe("timestamp", () => {
  it.each([
    0,
    1,
    951_782_399_999, // 28 February 2000, the last millisecond
    951_782_400_000,
    951_868_800_000, // 1 March 2000
    4_107_542_399_999, // 28 February 2100, which has no 29th
    4_107_542_400_000,
    253_402_300_799_999, // the end of the year 9999
  ])("of %d is Date's", (milliseconds) => {
    expect(timestamp(milliseconds)).toBe(new Date(milliseconds).toISOString());
  });

  it("of each day for four centuries is Date's", () => {
    const wrong: number[] = [];
    for (let day = 0; day < 146_097; day++) {
      const milliseconds = day * 86_400_000 + ((day * 7_919_003) % 86_400_000);
      if (timestamp(milliseconds) !== new Date(milliseconds).toISOString()) wrong.push(milliseconds);
    }
    expect(wrong).toEqual([]);
  });
});
