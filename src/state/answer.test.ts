import { describe, expect, it } from "vitest";
import { readBranchAnswer, readGoneAnswer } from "./answer.ts";
import { ExchangeError } from "./exchange.ts";

describe("readBranchAnswer", () => {
  it.each([
    ['{"answer":"none"}', { answer: "none" }],
    [
      '{"answer":"branch","annotation":"[]","datapath":"routed"}',
      { answer: "branch", annotation: "[]", datapath: "routed" },
    ],
    ['{"answer":"wait","reason":" no trunk yet\\n"}', { answer: "wait", reason: "no trunk yet" }],
    ['{"answer":"wait","reason":""}', { answer: "wait", reason: "the agent gave no reason" }],
    ['{"answer":"refused","reason":"r"}', { answer: "refused", reason: "r" }],
    // A newer agent's.
    ['{"answer":"none","version":1,"more":{}}', { answer: "none" }],
  ])("%s", (line, expected) => {
    expect(readBranchAnswer(line)).toEqual(expected);
  });

  it("cuts a reason that is too long for an error", () => {
    const answer = readBranchAnswer(JSON.stringify({ answer: "wait", reason: "x".repeat(5000) }));
    expect(answer).toEqual({ answer: "wait", reason: `${"x".repeat(600)}…` });
  });

  it.each([
    ["", "it is not JSON"],
    ["none", "it is not JSON"],
    ['{"answer":"none"} x', "it is not JSON"],
    ['{"answer":"none"', "it is not JSON"],
    ["null", "it is not an object"],
    ['["none"]', "it is not an object"],
    ['"none"', "it is not an object"],
    ["{}", 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"answer":"None"}', 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"answer":["none"]}', 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"answer":null}', 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"answer":"toString"}', 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"answer":"gone"}', 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"__proto__":{"answer":"none"}}', 'answer is none of "none", "branch", "wait", "refused"'],
    ['{"answer":"none","version":2}', "version is not 1"],
    ['{"answer":"none","version":"1"}', "version is not 1"],
    ['{"answer":"branch"}', "annotation is not a string"],
    ['{"answer":"branch","annotation":null,"datapath":"direct"}', "annotation is not a string"],
    ['{"answer":"branch","annotation":[{}],"datapath":"direct"}', "annotation is not a string"],
    ['{"answer":"branch","annotation":"[]"}', "datapath is neither"],
    ['{"answer":"branch","annotation":"[]","datapath":"auto"}', "datapath is neither"],
    ['{"answer":"wait"}', "reason is not a string"],
    ['{"answer":"refused","reason":7}', "reason is not a string"],
    [`${"[".repeat(101)}${"]".repeat(101)}`, "nested deeper than 100 levels"],
  ])("refuses %s: %s", (line, defect) => {
    expect(() => readBranchAnswer(line)).toThrow(ExchangeError);
    expect(() => readBranchAnswer(line)).toThrow(defect);
  });

  it("quotes what came, shortened", () => {
    expect(() => readBranchAnswer('{"answer":"perhaps"}')).toThrow(
      'the agent\'s answer "{\\"answer\\":\\"perhaps\\"}" is invalid: answer is none of "none", "branch", "wait", "refused"',
    );
    const long = (() => {
      try {
        return readBranchAnswer("x".repeat(100_000));
      } catch (error) {
        return error;
      }
    })();
    expect((long as Error).message.length).toBeLessThan(250);
  });
});

describe("readGoneAnswer", () => {
  it.each([
    ['{"answer":"gone"}', { answer: "gone" }],
    ['{"answer":"exists"}', { answer: "exists" }],
    ['{"answer":"wait","reason":"busy"}', { answer: "wait", reason: "busy" }],
  ])("%s", (line, expected) => {
    expect(readGoneAnswer(line)).toEqual(expected);
  });

  it.each([
    "{}",
    '{"answer":"none"}',
    '{"answer":true}',
    '{"answer":"wait"}',
    '{"answer":"gone","version":2}',
  ])("refuses %s", (line) => {
    expect(() => readGoneAnswer(line)).toThrow(ExchangeError);
  });
});
