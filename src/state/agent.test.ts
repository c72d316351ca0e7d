import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AnnotationError } from "../ipam/annotation.ts";
import { ForeignFileError } from "../sys/files.ts";
import { type Ask, AgentError, askForBranch, askIfGone, podIsGone } from "./agent.ts";
import { ExchangeError } from "./exchange.ts";

function handClock() {
  let now = 5_000;
  return { now: () => now, sleep: (milliseconds: number) => void (now += milliseconds) };
}

const QUESTION = {
  pod: { namespace: "shop", name: "web-0", uid: "u1" },
  containerId: "c1",
  interface: "eth0",
  annotation: null,
  datapath: "direct",
} as const;

const ABSENT = new ExchangeError("there is no /x/agent.sock", { isThere: false });
const SILENT = new ExchangeError("the agent closed without an answer", { isThere: true });
const NONE = '{"answer":"none"}';
const wait = (reason: string) => JSON.stringify({ answer: "wait", reason });

type Event = string | Error | { readonly held: number; readonly gives: string };

/** Plays the events, the last of them for ever; what was asked, and when, from the beginning. */
function scripted(...events: Event[]) {
  const clock = handClock();
  const start = clock.now();
  const asked: { at: number; question: Record<string, unknown>; limit: number }[] = [];
  const ask: Ask = (line, deadline) => {
    const at = clock.now() - start;
    asked.push({ at, question: JSON.parse(line), limit: deadline - start });
    const next = events.length > 1 ? events.shift() : events[0];
    if (next instanceof Error) throw next;
    if (typeof next === "string") return next;
    clock.sleep(Math.min(next?.held ?? 0, deadline - clock.now()));
    return next?.gives ?? "";
  };
  return { ask, clock, asked, at: () => clock.now() - start };
}

function failure(action: () => unknown): AgentError {
  try {
    action();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("askForBranch", () => {
  it("asks as the protocol says, and gives the answer at once", () => {
    const { ask, clock, asked } = scripted(NONE);
    expect(askForBranch(ask, QUESTION, 30_000, clock)).toEqual({ answer: "none" });
    expect(asked).toEqual([
      {
        at: 0,
        limit: 30_000,
        question: {
          version: 1,
          ask: "branch",
          pod: { namespace: "shop", name: "web-0", uid: "u1" },
          containerId: "c1",
          interface: "eth0",
          annotation: null,
          datapath: "direct",
          timeoutMs: 29_750,
        },
      },
    ]);
  });

  it("sends what is known of a pod", () => {
    const { ask, clock, asked } = scripted(NONE);
    askForBranch(ask, { ...QUESTION, pod: { name: "web-0" }, annotation: "" }, 1000, clock);
    expect(asked[0]?.question).toMatchObject({
      pod: { namespace: "", name: "web-0", uid: "" },
      annotation: "",
      timeoutMs: 900,
    });
  });

  it("gives the branch after the agent has let it wait, come back, and said nonsense", () => {
    const branch = { answer: "branch", annotation: "[]", datapath: "routed" };
    const { ask, clock, asked } = scripted(ABSENT, wait("w"), SILENT, "nonsense", JSON.stringify(branch));
    expect(askForBranch(ask, QUESTION, 30_000, clock)).toEqual(branch);
    expect(asked.map(({ at }) => at)).toEqual([0, 50, 150, 350, 750]);
  });

  it("is refused at once", () => {
    const { ask, clock, asked } = scripted('{"answer":"refused","reason":"policy p selects it"}');
    const error = failure(() => askForBranch(ask, QUESTION, 30_000, clock));
    expect(error).toMatchObject({ kind: "refused", message: "policy p selects it" });
    expect(asked).toHaveLength(1);
  });

  it("does not hammer an agent that lets it wait at once, and says the last reason in the end", () => {
    const { ask, clock, asked, at } = scripted(wait("first"), wait("no free addresses"));
    const error = failure(() => askForBranch(ask, QUESTION, 30_000, clock));
    expect(error).toMatchObject({ kind: "wait", message: "no free addresses" });
    expect(asked.length).toBeGreaterThan(30);
    expect(asked.length).toBeLessThan(40);
    expect(at()).toBeGreaterThanOrEqual(29_900);
    expect(at()).toBeLessThanOrEqual(30_000);
  });

  it("asks soon again after the agent held the question", () => {
    const { ask, clock, asked } = scripted(
      ABSENT,
      ABSENT,
      ABSENT,
      ABSENT,
      ABSENT,
      { held: 20_000, gives: wait("w") },
      NONE,
    );
    askForBranch(ask, QUESTION, 30_000, clock);
    expect(asked.map(({ at }) => at)).toEqual([0, 50, 150, 350, 750, 1_550, 21_600]);
  });

  it("hears the agent's reason although it held the question as long as it was told to", () => {
    let timeoutMs = 0;
    const { clock } = scripted();
    const ask: Ask = (line) => {
      ({ timeoutMs } = JSON.parse(line) as { timeoutMs: number });
      clock.sleep(timeoutMs);
      return wait("waiting for association");
    };
    const error = failure(() => askForBranch(ask, QUESTION, 30_000, clock));
    expect(error).toMatchObject({ kind: "wait", message: "waiting for association" });
    expect(clock.now() - 5_000).toBeLessThanOrEqual(30_000);
  });

  it.each([
    [ABSENT, "there is no /x/agent.sock", false],
    [SILENT, "the agent closed without an answer", true],
  ])("without an answer says what was wrong: %s", (event, message, isThere) => {
    const { ask, clock, at } = scripted(event);
    const error = failure(() => askForBranch(ask, QUESTION, 2_000, clock));
    expect(error).toMatchObject({ kind: "unanswered", message, isThere });
    expect(at()).toBeLessThanOrEqual(2_000);
  });

  it("remembers that there was an agent, and its reason", () => {
    const there = scripted(SILENT, ABSENT);
    expect(failure(() => askForBranch(there.ask, QUESTION, 2_000, there.clock))).toMatchObject({
      kind: "unanswered",
      message: "there is no /x/agent.sock",
      isThere: true,
    });
    const gave = scripted(wait("no trunk yet"), ABSENT);
    expect(failure(() => askForBranch(gave.ask, QUESTION, 2_000, gave.clock))).toMatchObject({
      kind: "wait",
      message: "no trunk yet; meanwhile there is no /x/agent.sock",
    });
  });

  it("lets no last try that was cut off hide what was wrong before", () => {
    const late = new ExchangeError("the agent did not answer in time", { isThere: true, isLate: true });
    const cutOff = (before: string | Error) => {
      const { clock } = scripted();
      const ask: Ask = (_line, deadline) => {
        if (deadline - clock.now() < 200) throw late;
        if (before instanceof Error) throw before;
        return before;
      };
      return failure(() => askForBranch(ask, QUESTION, 2_000, clock)).message;
    };
    expect(cutOff("nonsense")).toContain('"nonsense" is invalid');
    expect(cutOff(SILENT)).toBe("the agent closed without an answer");
    expect(cutOff(wait("no trunk yet"))).toBe("no trunk yet");
    expect(cutOff(late)).toBe("the agent did not answer in time");
  });

  it("ends at once where only a person can help", () => {
    const { ask, clock, asked } = scripted(new ForeignFileError("a link; remove it"));
    expect(() => askForBranch(ask, QUESTION, 30_000, clock)).toThrow(ForeignFileError);
    expect(asked).toHaveLength(1);
  });

  it("asks nothing that is too long for the agent", () => {
    const { ask, clock, asked } = scripted(NONE);
    const question = { ...QUESTION, annotation: "\u0001".repeat(200_000) };
    expect(() => askForBranch(ask, question, 30_000, clock)).toThrow(AnnotationError);
    expect(asked).toEqual([]);
  });
});

describe("askIfGone", () => {
  const pod = { namespace: "shop", name: "web-0", uid: "u1" };

  it.each([
    ['{"answer":"gone"}', true],
    ['{"answer":"exists"}', false],
    ['{"answer":"none"}', undefined],
    [wait("busy"), undefined],
  ])("%s: %s", (answer, expected) => {
    const { ask, clock, asked, at } = scripted(answer);
    expect(askIfGone(ask, pod, clock)).toBe(expected);
    expect(asked[0]?.question).toEqual({ version: 1, ask: "gone", pod });
    expect(at()).toBeLessThanOrEqual(3_000);
  });

  it("waits for an agent that is busy, and not for one that is not there", () => {
    const busy = scripted(wait("256 connections"), SILENT, '{"answer":"gone"}');
    expect(askIfGone(busy.ask, pod, busy.clock)).toBe(true);
    const absent = scripted(ABSENT);
    expect(askIfGone(absent.ask, pod, absent.clock)).toBeUndefined();
    expect(absent.asked).toHaveLength(1);
  });

  it.each([{}, { ...pod, uid: "" }, { namespace: "shop", name: "web-0" }, { uid: "u1", name: "web-0" }])(
    "cannot be known of %j",
    (unknown) => {
      const { ask, clock, asked } = scripted('{"answer":"gone"}');
      expect(askIfGone(ask, unknown, clock)).toBeUndefined();
      expect(asked).toEqual([]);
    },
  );
});

describe("podIsGone", () => {
  it("is not so without an agent, or with something else in its place", () => {
    const directory = mkdtempSync(join(tmpdir(), "agent-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const pod = { namespace: "shop", name: "web-0", uid: "u1" };
    expect(podIsGone(directory, handClock(), pod)).toBe(false);
    writeFileSync(join(directory, "agent.sock"), '{"answer":"gone"}\n');
    expect(podIsGone(directory, handClock(), pod)).toBe(false);
    expect(podIsGone(join(directory, "none"), handClock(), pod)).toBe(false);
  });
});
