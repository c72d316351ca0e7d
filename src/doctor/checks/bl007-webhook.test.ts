import { NOW, aPolicy, table } from "../../../test/unit/doctor.ts";
import { webhook } from "./bl007-webhook.ts";

const OURS = {
  configuration: "branchline",
  name: "pods.branchline.dev",
  service: "kube-system/branchline-controller",
  url: undefined,
  trustEnds: Date.parse("2027-11-28T00:00:00Z"),
};
const AROUND = { now: NOW, policies: [aPolicy("web")], guards: new Map() };

table(webhook, {
  "it has endpoints": {
    given: { ...AROUND, webhooks: [OURS], endpoints: new Map([["kube-system/branchline-controller", 2]]) },
    result: "ok",
    found: "pods.branchline.dev",
  },
  "no endpoint, and no guard": {
    given: { ...AROUND, webhooks: [OURS], endpoints: new Map() },
    result: "problem",
    found: "1 webhook cannot be reached",
    items: [
      "branchline/pods.branchline.dev: its Service kube-system/branchline-controller has no ready endpoint",
    ],
  },
  "no endpoint, but a guard": {
    given: {
      ...AROUND,
      webhooks: [OURS],
      endpoints: new Map(),
      guards: new Map([["branchline-selected-pods", ["Deny"]]]),
    },
    result: "warning",
    found: "1 webhook cannot be reached; the guard denies what it misses",
    items: [
      "branchline/pods.branchline.dev: its Service kube-system/branchline-controller has no ready endpoint",
    ],
  },
  "its authority has ended": {
    given: { ...AROUND, webhooks: [{ ...OURS, trustEnds: Date.parse("2026-11-01T00:00:00Z") }] },
    result: "problem",
    found: "1 webhook cannot be reached",
    items: ["branchline/pods.branchline.dev: its certificate authority ended at 2026-11-01T00:00:00.000Z"],
  },
  "none has been given to it": {
    given: { ...AROUND, webhooks: [{ ...OURS, trustEnds: undefined }] },
    result: "problem",
    found: "1 webhook cannot be reached",
    items: ["branchline/pods.branchline.dev: it has no certificate authority yet"],
  },
  "there is none": {
    given: { ...AROUND, webhooks: [] },
    result: "problem",
    found: "nothing makes pods ask for a branch, with 1 SecurityGroupPolicy",
  },
  "the API server does it": {
    given: { ...AROUND, webhooks: [], mutators: ["branchline-selected-pods"] },
    result: "ok",
    found: "the mutating policy in the API server does it instead",
  },
});
