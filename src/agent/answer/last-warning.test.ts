import { expect, it } from "vitest";
import { WARNINGS } from "../../kubernetes/events.ts";
import { lastWarning } from "./last-warning.ts";

const event = (component: string, at: string, message: string, more: object = {}) =>
  WARNINGS.read({
    source: { component },
    lastTimestamp: at,
    reason: "BranchAllocationFailed",
    message,
    ...more,
  });

it.each<[string, Parameters<typeof lastWarning>[0], string | undefined]>([
  ["no events", [], undefined],
  ["kubelet's alone", [event("kubelet", "2026-11-28T12:00:00Z", "failed to create sandbox")], undefined],
  [
    "the newest of several",
    [
      event("vpc-resource-controller", "2026-11-28T12:00:00Z", "old"),
      event("vpc-resource-controller", "2026-11-28T12:00:09Z", "limit exceeded\n"),
      event("kubelet", "2026-11-28T12:00:10Z", "failed to create sandbox"),
    ],
    "vpc-resource-controller says BranchAllocationFailed: limit exceeded",
  ],
  [
    "an event of the newer kind, without lastTimestamp",
    [
      event("", "", "by series", {
        lastTimestamp: null,
        eventTime: "2026-11-28T12:00:01.000000Z",
        reportingComponent: "branchline-controller",
      }),
    ],
    "branchline-controller says BranchAllocationFailed: by series",
  ],
  [
    "a long one of several lines",
    [event("branchline-controller", "2026-11-28T12:00:00Z", `a\n\tb\u001b[31m ${"x".repeat(50_000)}`)],
    `branchline-controller says BranchAllocationFailed: a b [31m ${"x".repeat(300)}`.slice(0, 300) + "…",
  ],
])("%s", (_what, warnings, said) => expect(lastWarning(warnings)).toBe(said));
