import { describe, expect, it } from "vitest";
import { QuestionError, readQuestion } from "./question.ts";

const pod = { namespace: "shop", name: "web-0", uid: "u1" };
const branch = { version: 1, ask: "branch", pod, annotation: null, datapath: "auto", timeoutMs: 1000 };

describe("readQuestion", () => {
  it.each<[string, object, object]>([
    ["a branch", branch, { ask: "branch", pod, annotation: null, datapath: "auto", timeoutMs: 1000 }],
    ["with what a newer plugin adds", { ...branch, more: [1] }, { ask: "branch" }],
    ["with an annotation", { ...branch, annotation: "[]" }, { annotation: "[]" }],
    ["without a UID", { ...branch, pod: { ...pod, uid: "" } }, { pod: { ...pod, uid: "" } }],
    ["of a plugin that would wait for ever", { ...branch, timeoutMs: 1e12 }, { timeoutMs: 110_000 }],
    ["whether a pod is gone", { version: 1, ask: "gone", pod }, { ask: "gone", pod }],
  ])("reads one %s", (_what, question, expected) =>
    expect(readQuestion(JSON.stringify(question))).toMatchObject(expected),
  );

  it.each<[string, unknown]>([
    ["it is not an object", []],
    ["it is not an object", null],
    ["version is not 1", { ...branch, version: 2 }],
    ["version is not 1", {}],
    ["pod is not an object", { ...branch, pod: "web-0" }],
    ["pod.namespace is empty", { ...branch, pod: { ...pod, namespace: "" } }],
    ["pod.name is empty", { ...branch, pod: { ...pod, name: 5 } }],
    ["pod.uid is not a string", { ...branch, pod: { namespace: "shop", name: "a" } }],
    ["pod.uid is empty", { version: 1, ask: "gone", pod: { ...pod, uid: "" } }],
    ['ask is neither "branch" nor "gone"', { ...branch, ask: "status" }],
    ["annotation is neither a string nor null", { ...branch, annotation: {} }],
    ["datapath is not known", { ...branch, datapath: "sideways" }],
    ["datapath is not known", { ...branch, datapath: "constructor" }],
    ["timeoutMs is not above 0", { ...branch, timeoutMs: "1" }],
    ["timeoutMs is not above 0", { ...branch, timeoutMs: 0 }],
  ])("refuses one: %s", (defect, question) => {
    const read = () => readQuestion(JSON.stringify(question));
    expect(read).toThrow(QuestionError);
    expect(read).toThrow(defect);
  });

  it.each(["", "{", "x".repeat(10_000), `{"pod":${"[".repeat(5000)}`])("refuses %.20s", (line) =>
    expect(() => readQuestion(line)).toThrow(QuestionError),
  );
});
