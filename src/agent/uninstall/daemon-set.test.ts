import { expect, it } from "vitest";
import { AGENT_PODS, DAEMON_SETS, readObjectName } from "./daemon-set.ts";

it("a DaemonSet", () => {
  const { desired, matchLabels } = DAEMON_SETS.read({
    spec: { selector: { matchLabels: { app: "branchline" } } },
    status: { desiredNumberScheduled: 3 },
  });
  expect([desired, { ...matchLabels }]).toEqual([3, { app: "branchline" }]);
  expect(DAEMON_SETS.read({})).toMatchObject({ desired: 0, matchLabels: {} });
});

it("a pod that runs", () =>
  expect(
    AGENT_PODS.read({
      metadata: {
        ownerReferences: [
          { uid: "other", controller: false },
          { uid: "u1", controller: true },
        ],
      },
      spec: { nodeName: "node-1" },
      status: { phase: "Running", containerStatuses: [{ state: { running: {} } }] },
    }),
  ).toMatchObject({ node: "node-1", owner: "u1", state: "Running" }));

it("a pod that does not, with the reason", () =>
  expect(
    AGENT_PODS.read({
      status: {
        phase: "Pending",
        containerStatuses: [{ state: { waiting: { reason: "ImagePullBackOff" } } }],
      },
    }),
  ).toMatchObject({ owner: "", state: "Pending, ImagePullBackOff" }));

it("a pod that is not scheduled, whose node is in its affinity", () => {
  const matchFields = [{ key: "metadata.name", operator: "In", values: ["node-7"] }];
  const required = { nodeSelectorTerms: [{ matchExpressions: [] }, { matchFields }] };
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
  expect(AGENT_PODS.read({ spec: { affinity } }).node).toBe("node-7");
  expect(AGENT_PODS.read({ spec: {} }).node).toBe("");
});

it.each<[string, object | undefined]>([
  ["kube-system/branchline-agent", { namespace: "kube-system", name: "branchline-agent" }],
  ["a/b.c", { namespace: "a", name: "b.c" }],
  ["branchline-agent", undefined],
  ["/x", undefined],
  ["a/", undefined],
  ["a/b/c", undefined],
  ["A/b", undefined],
])("%j names %j", (text, name) => expect(readObjectName(text)).toEqual(name));
