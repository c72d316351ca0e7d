import { expect, it } from "vitest";
import { STARTING_PODS, needsUs } from "./starting-pods.ts";

const container = { resources: { limits: { "vpc.amazonaws.com/pod-eni": "1" } } };
const stands = { type: "PodReadyToStartContainers", status: "True" };

it.each<[string, object, boolean]>([
  ["asks, and has no network yet", { spec: { containers: [container] } }, true],
  [
    "asks, and its network is not up yet",
    { spec: { containers: [container] }, status: { conditions: [{ ...stands, status: "False" }] } },
    true,
  ],
  [
    "asks, and has its network",
    { spec: { containers: [container] }, status: { conditions: [stands] } },
    false,
  ],
  ["asks for nothing", { spec: { containers: [{}] } }, false],
  ["uses the node's network", { spec: { containers: [container], hostNetwork: true } }, false],
  [
    "is being deleted",
    { metadata: { deletionTimestamp: "2026-11-28T15:04:05Z" }, spec: { containers: [container] } },
    false,
  ],
])("a pod that %s", (_what, pod, expected) => expect(needsUs(STARTING_PODS.read(pod))).toBe(expected));
