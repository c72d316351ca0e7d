import { expect, test } from "vitest";
import { GuestError } from "./errors.ts";
import type { Ending } from "./machine.ts";
import { type Evidence, judge } from "./verdict.ts";

const ended: Ending = {
  code: 0,
  signal: null,
  error: undefined,
  complaint: "",
  cut: undefined,
  seconds: 9,
};
const green: Evidence = {
  ending: ended,
  console: { panic: undefined, lines: () => ["last words"] },
  started: { status: 0, release: "6.1" },
  status: { status: 0, release: "6.1" },
};
const panicked = { panic: "Oops", lines: () => [] };

test("a guest that reported, on a machine that ended well, has its status", () => {
  expect(judge(green)).toEqual({ status: 0, release: "6.1" });
  expect(judge({ ...green, status: { status: 3, release: "6.1" } }).status).toBe(3);
});

// Each from an otherwise green guest: nothing else may save it.
test.each<[string, GuestError["failure"], Partial<Evidence>]>([
  ["a panic, after the report", "panicked", { console: panicked }],
  ["a panic that qemu survived", "panicked", { console: panicked, ending: { ...ended, cut: "deadline" } }],
  ["the deadline, after the report", "hung", { ending: { ...ended, cut: "deadline", code: null } }],
  ["an abort", "aborted", { ending: { ...ended, cut: "abort" } }],
  ["no word from the guest", "not started", { started: undefined, status: undefined }],
  ["a status without a start", "not started", { started: undefined }],
  ["no status", "unreported", { status: undefined }],
  ["a machine that failed", "unreported", { ending: { ...ended, code: 1 } }],
  ["a machine that was killed", "unreported", { ending: { ...ended, code: null, signal: "SIGKILL" } }],
])("%s is a failure", (_, failure, evidence) => {
  expect(() => judge({ ...green, ...evidence })).toThrow(
    expect.objectContaining({ constructor: GuestError, failure }),
  );
});

test("the message has qemu's own words, the error the console's last lines", () => {
  const ending = { ...ended, code: 1, complaint: "qemu: no such file" };
  const run = (): unknown => judge({ ...green, started: undefined, ending });
  expect(run).toThrow("The guest never started (exit code 1: qemu: no such file)");
  expect(run).toThrow(expect.objectContaining({ console: ["last words"] }));
});

test("a panic tells whether the guest had begun: only one of the kernel's own boot is tried again", () => {
  const run = (started: Evidence["started"]) => (): unknown =>
    judge({ ...green, console: panicked, started, status: undefined });
  expect(run(green.started)).toThrow(expect.objectContaining({ failure: "panicked", begun: true }));
  expect(run(undefined)).toThrow(expect.objectContaining({ failure: "panicked", begun: false }));
});
