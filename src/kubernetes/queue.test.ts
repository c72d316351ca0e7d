import { beforeEach, describe, expect, it } from "vitest";
import { ManualTimer, settle } from "../../test/unit/manual-timer.ts";
import { type Outcome, done, never, retry, wait } from "./outcome.ts";
import { Queue, type QueueOptions, STARTUP } from "./queue.ts";

let timer: ManualTimer;
let ran: string[];
let bugs: string[];
let ends: string[];
let waits: number[];
let answer: (key: string, signal: AbortSignal) => Promise<Outcome> | Outcome;

const MINUTE = 60_000;

beforeEach(() => {
  timer = new ManualTimer();
  ran = [];
  bugs = [];
  ends = [];
  waits = [];
  answer = () => done;
});

function queueOf(more: Partial<QueueOptions> = {}): Queue {
  const queue = new Queue({
    async pass(key, signal, attempts) {
      ran.push(`${key} at ${timer.now()}${attempts === 0 ? "" : `, ${attempts} failed`}`);
      return answer(key, signal);
    },
    concurrency: 1,
    timer,
    random: () => 0.999_999,
    bug: (message) => bugs.push(message),
    began: (seconds) => waits.push(seconds),
    ended: (key, { type }) => ends.push(`${key} ${type}`),
    ...more,
  });
  queue.start();
  return queue;
}

/** Passes that end when they are told to. */
function held() {
  const all: { readonly key: string; readonly end: (outcome?: Outcome) => Promise<void> }[] = [];
  answer = (key) => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    all.push({
      key,
      async end(outcome = done) {
        resolve(outcome);
        await settle();
      },
    });
    return promise;
  };
  return all;
}

describe("a queue", () => {
  it("runs nothing before it is started", async () => {
    const queue = new Queue({ pass: async () => done, concurrency: 1, timer, random: () => 0, bug() {} });
    queue.add("a");
    await timer.advance(MINUTE);
    expect([queue.depth, queue.active]).toEqual([1, 0]);
    queue.start();
    await settle();
    expect([queue.depth, queue.active]).toEqual([0, 0]);
  });

  it("has a key once: the earlier time and the higher priority win", async () => {
    const queue = queueOf();
    queue.add("a", { at: 5_000 });
    queue.add("b", { at: 3_000 });
    queue.add("a", { at: 3_000, priority: 1 });
    queue.add("a", { at: 9_000, priority: -1 });
    await timer.advance(10_000);
    expect(ran).toEqual(["a at 3000", "b at 3000"]);
  });

  it("goes by priority among what is due, and by time within one", async () => {
    const queue = queueOf();
    const passes = held();
    queue.add("running");
    await settle();
    queue.add("start-1", { priority: STARTUP });
    queue.add("start-2", { priority: STARTUP });
    await timer.advance(1_000);
    queue.add("usual");
    queue.add("urgent", { priority: 10 });
    queue.add("far", { priority: 100, at: 500_000 });
    for (let i = 0; i < 5; i++) await passes[i]?.end();
    expect(passes.map(({ key }) => key)).toEqual(["running", "urgent", "usual", "start-1", "start-2"]);
    expect(waits).toEqual([0, 0, 0, 1, 1]);
  });

  it("runs a key once at a time, and again when it was added meanwhile", async () => {
    const queue = queueOf({ concurrency: 3 });
    const passes = held();
    queue.add("a");
    await settle();
    queue.add("a");
    queue.add("a", { at: 70_000 });
    await timer.advance(2_000);
    expect(ran).toEqual(["a at 0"]);
    expect(queue.oldestSeconds).toBe(2);
    await passes[0]?.end();
    expect(ran).toEqual(["a at 0", "a at 2000"]);
    await passes[1]?.end();
    await timer.advance(100_000);
    expect(ran).toHaveLength(2);
    expect(queue.oldestSeconds).toBe(0);
  });

  it("runs as many as it may, and no more", async () => {
    const queue = queueOf({ concurrency: 2 });
    const passes = held();
    for (const key of ["a", "b", "c"]) queue.add(key);
    await settle();
    expect([queue.active, queue.depth]).toEqual([2, 1]);
    await passes[1]?.end();
    expect(ran).toEqual(["a at 0", "b at 0", "c at 0"]);
  });
});

describe("an outcome", () => {
  it("done is over", async () => {
    queueOf().add("a");
    await timer.advance(3_600_000);
    expect(ran).toEqual(["a at 0"]);
    expect(ends).toEqual(["a done"]);
  });

  it("wait comes back at its time, or earlier when added; a time that is past is no loop", async () => {
    const queue = queueOf();
    answer = () => wait(timer.now() === 0 ? 30_000 : 40_000, "it cools");
    queue.add("a");
    await timer.advance(20_000);
    queue.add("a");
    await timer.advance(25_000);
    expect(ran.slice(0, 2)).toEqual(["a at 0", "a at 20000"]);
    expect(ran.length).toBeLessThan(120);
    expect(ran[2]).toBe("a at 40000");
    expect(ran[3]).toBe("a at 40050");
  });

  it("wait for a change, and never, come back when added only", async () => {
    const queue = queueOf();
    for (const outcome of [wait("change", "no slot"), never("no such group")]) {
      answer = () => outcome;
      ran.length = 0;
      queue.add("a");
      await timer.advance(3_600_000);
      expect(ran).toHaveLength(1);
    }
    expect(ends).toEqual(["a wait", "a never"]);
  });

  it("retry doubles from a second to a minute, and starts anew after a success", async () => {
    const queue = queueOf();
    answer = () => retry("retry", "EC2 is away");
    queue.add("a");
    await timer.advance(5 * MINUTE);
    const times = ran.map((line) => Number(/at ([\d.]+)/.exec(line)?.[1]));
    const gaps = times.slice(1).map((time, i) => Math.round((time - (times[i] ?? 0)) / 1000));
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(ran.at(-1)).toMatch(/, 9 failed$/);
    answer = () => done;
    queue.add("a");
    await settle();
    answer = () => retry("retry", "again");
    ran.length = 0;
    queue.add("a");
    await timer.advance(1_000);
    expect(ran.map((line) => line.split(", ")[1])).toEqual([undefined, "1 failed"]);
  });

  it.each([
    ["throttled does not grow", "throttled", 0, 5, [0.5, 1]],
    ["denied is a minute at least", "denied", 0, 1, [60, 120]],
    ["the server's own wish counts", "retry", 20_000, 1, [20, 20]],
  ] as const)("%s", async (_what, kind, afterMs, failures, [low, high]) => {
    for (const random of [0, 0.999_999]) {
      timer = new ManualTimer();
      ran = [];
      answer = () => retry(kind, "so it is", afterMs);
      queueOf({ random: () => random, timer }).add("a");
      await settle();
      for (let i = 0; i < failures; i++) {
        const before = timer.now();
        while (ran.length === i + 1) await timer.advance(100);
        expect((timer.now() - before) / 1000).toBeGreaterThanOrEqual(low - 0.2);
        expect((timer.now() - before) / 1000).toBeLessThanOrEqual(high + 0.2);
      }
    }
  });

  it("a failure comes back with the priority it had, a wait with the usual one", async () => {
    const queue = queueOf();
    const passes = held();
    queue.add("failed", { priority: 5 });
    queue.add("waited", { priority: STARTUP });
    await settle();
    await passes[0]?.end(retry("retry", "away"));
    await passes[1]?.end(wait(2_000, "it cools"));
    queue.add("running");
    await settle();
    await timer.advance(5_000);
    queue.add("usual");
    for (let i = 2; i < 6; i++) await passes[i]?.end();
    expect(passes.map(({ key }) => key)).toEqual([
      "failed",
      "waited",
      "running",
      "failed",
      "waited",
      "usual",
    ]);
  });

  it("what throws is told with its stack, and comes back after five minutes, or ten seconds when added", async () => {
    const queue = queueOf();
    answer = () => {
      throw new Error("oops");
    };
    queue.add("a");
    queue.add("b");
    await settle();
    expect(bugs).toHaveLength(2);
    expect(bugs[0]).toMatch(/^the pass for a threw: Error: oops\n +at /);
    expect(ends).toEqual(["a bug", "b bug"]);
    queue.add("b");
    await timer.advance(9_999);
    expect(ran).toHaveLength(2);
    await timer.advance(1);
    expect(ran[2]).toBe("b at 10000, 1 failed");
    await timer.advance(5 * MINUTE - 10_000);
    expect(ran[3]).toBe("a at 300000, 1 failed");
  });

  it("a time that is no number is a defect, and loses no key", async () => {
    answer = () => wait(Number.NaN, "nothing");
    queueOf().add("a");
    await timer.advance(5 * MINUTE);
    expect(bugs).toHaveLength(2);
    expect(() => retry("retry", "x", Number.NaN)).toThrow("NaN");
  });
});

describe("the end", () => {
  it("aborts what runs, waits for it, and begins nothing more", async () => {
    const queue = queueOf();
    answer = async (_key, signal) => {
      await timer.sleep(MINUTE, signal).catch(() => timer.sleep(2_000, new AbortController().signal));
      return done;
    };
    queue.add("a");
    queue.add("b");
    await settle();
    const stopped = queue.stop(5_000);
    queue.add("c");
    let left: readonly string[] | undefined;
    void stopped.then((keys) => (left = keys));
    await timer.advance(1_999);
    expect(left).toBeUndefined();
    await timer.advance(1);
    expect(left).toEqual([]);
    await timer.advance(10 * MINUTE);
    expect(ran).toEqual(["a at 0"]);
    expect([ends, bugs]).toEqual([[], []]);
  });

  it("is bounded, and names whose pass does not end", async () => {
    const queue = queueOf({ concurrency: 2 });
    answer = () => new Promise(() => {});
    queue.add("a");
    queue.add("b");
    await settle();
    const stopped = queue.stop(5_000);
    await timer.advance(5_000);
    expect(await stopped).toEqual(["a", "b"]);
  });
});
