import { expect, it } from "vitest";
import { PODS, SECURITY_GROUP_POLICIES } from "../kubernetes/objects.ts";
import { findEscaped } from "./sweep.ts";

const annotation = JSON.stringify([
  { eniId: "eni-0b000000000000001", ifAddress: "02:b1:00:00:00:07", vlanId: 7 },
]);

interface Is {
  readonly phase?: string;
  readonly annotation?: string;
  readonly asks?: boolean;
  readonly hostNetwork?: boolean;
  readonly app?: string;
  /** Its container's state. */
  readonly state?: object;
  /** Its init container's. */
  readonly init?: object;
}

interface Known {
  readonly attached?: readonly string[];
  readonly vlanIds?: readonly number[];
  /** Of its ServiceAccount; "gone" if there is none, absent if it has not been read. */
  readonly account?: Readonly<Record<string, string>> | "gone";
}

/** Its ServiceAccount has to be read first. */
const UNREAD = "unread";

const bootedAt = Date.parse("2026-11-28T13:00:00Z");
const running = (startedAt: string) => ({ state: { running: { startedAt } } });

const podOf = ({
  phase = "Running",
  annotation: its,
  asks = false,
  hostNetwork = false,
  app = "web",
  state,
  init,
}: Is) =>
  PODS.read({
    metadata: {
      namespace: "shop",
      name: "web-0",
      uid: "u1",
      creationTimestamp: "2026-11-28T12:00:00Z",
      labels: { app },
      annotations: its === undefined ? {} : { "vpc.amazonaws.com/pod-eni": its },
    },
    spec: {
      hostNetwork,
      containers: [{ resources: asks ? { limits: { "vpc.amazonaws.com/pod-eni": "1" } } : {} }],
    },
    status: {
      phase,
      ...(state !== undefined && { containerStatuses: [{ state: { waiting: {} } }, state] }),
      ...(init !== undefined && { initContainerStatuses: [init] }),
    },
  });

const policyOf = (creationTimestamp: string, selector: object) =>
  SECURITY_GROUP_POLICIES.read({
    metadata: { namespace: "shop", name: "p", creationTimestamp },
    spec: { ...selector, securityGroups: { groupIds: ["sg-1"] } },
  });
const older = policyOf("2026-11-28T12:00:00Z", { podSelector: { matchLabels: { app: "web" } } });
const younger = policyOf("2026-11-28T12:00:01Z", { podSelector: {} });
const byAccount = policyOf("2026-11-28T11:00:00Z", {
  serviceAccountSelector: { matchLabels: { team: "till" } },
});
const byBoth = policyOf("2026-11-28T11:00:00Z", {
  podSelector: { matchLabels: { app: "web" } },
  serviceAccountSelector: { matchLabels: { team: "till" } },
});
const invalid = policyOf("2026-11-28T11:00:00Z", {
  podSelector: { matchExpressions: [{ key: "app", operator: "Likes", values: [] }] },
});

it.each<[string, Is, object[], Known, string | undefined]>([
  ["a limit", { asks: true }, [], {}, "it has a limit of vpc.amazonaws.com/pod-eni"],
  ["an annotation", { annotation }, [], {}, "it has the annotation vpc.amazonaws.com/pod-eni"],
  [
    "an annotation that cannot be read",
    { annotation: "x" },
    [],
    {},
    "it has the annotation vpc.amazonaws.com/pod-eni",
  ],
  ["a policy", {}, [older], {}, "SecurityGroupPolicy shop/p selects it"],
  ["our record", { annotation, asks: true }, [older], { attached: ["u1"] }, undefined],
  ["aws-cni's device", { annotation, asks: true }, [], { vlanIds: [7] }, undefined],
  [
    "another's device",
    { annotation, asks: true },
    [],
    { vlanIds: [8] },
    "it has the annotation vpc.amazonaws.com/pod-eni",
  ],
  ["a policy for other labels", { app: "db" }, [older], {}, undefined],
  ["a policy that came after it", {}, [younger], {}, undefined],
  ["a policy by ServiceAccount", {}, [byAccount], {}, UNREAD],
  [
    "a ServiceAccount that it selects",
    {},
    [byAccount],
    { account: { team: "till" } },
    "SecurityGroupPolicy shop/p selects it",
  ],
  ["a ServiceAccount that it does not select", {}, [byAccount], { account: { team: "db" } }, undefined],
  ["a ServiceAccount that is gone", {}, [byAccount], { account: "gone" }, undefined],
  ["a policy by both", {}, [byBoth], {}, UNREAD],
  ["a policy by both, and other labels", { app: "db" }, [byBoth], {}, undefined],
  ["a limit besides", { asks: true }, [byAccount], {}, "it has a limit of vpc.amazonaws.com/pod-eni"],
  ["a policy that selects it besides", {}, [older, byAccount], {}, "SecurityGroupPolicy shop/p selects it"],
  ["a policy that cannot be evaluated", {}, [invalid], {}, undefined],
  ["our record, and a policy by ServiceAccount", {}, [byAccount], { attached: ["u1"] }, undefined],
  ["a pod that starts", { asks: true, phase: "Pending" }, [], {}, undefined],
  [
    "a pod whose init container runs",
    { asks: true, phase: "Pending", init: running("2026-11-28T13:00:01Z") },
    [],
    {},
    "it has a limit of vpc.amazonaws.com/pod-eni",
  ],
  [
    "a pod whose init container ran before the node was started",
    { asks: true, phase: "Pending", init: running("2026-11-28T12:58:59Z") },
    [],
    {},
    undefined,
  ],
  [
    "a pod that was started before the node",
    { asks: true, state: running("2026-11-28T12:58:59Z") },
    [],
    {},
    undefined,
  ],
  [
    "a pod that was started before the node, and waits to be started again",
    {
      asks: true,
      state: { state: { waiting: {} }, lastState: { terminated: { startedAt: "2026-11-28T12:58:59Z" } } },
    },
    [],
    {},
    undefined,
  ],
  [
    "a pod that was started since the node was",
    { asks: true, state: running("2026-11-28T13:00:01Z") },
    [],
    {},
    "it has a limit of vpc.amazonaws.com/pod-eni",
  ],
  [
    "a pod that was started again since the node was, and ended",
    {
      asks: true,
      state: {
        state: { terminated: { startedAt: "2026-11-28T13:00:01Z" } },
        lastState: { terminated: { startedAt: "2026-11-28T12:00:00Z" } },
      },
    },
    [],
    {},
    "it has a limit of vpc.amazonaws.com/pod-eni",
  ],
  ["a pod that has ended", { asks: true, phase: "Failed" }, [], {}, undefined],
  ["a pod of the node's network", { asks: true, hostNetwork: true }, [], {}, undefined],
  ["nothing", {}, [], {}, undefined],
])("%s", (_what, is, policies, { attached = [], vlanIds = [], account }, expected) => {
  const labels = account === "gone" ? undefined : account;
  const { escaped, unread } = findEscaped({
    pods: [podOf(is)],
    policies: policies as (typeof older)[],
    attached: new Set(attached),
    startsWithBranch: new Map(),
    vlanIds: new Set(vlanIds),
    accountLabels: new Map(account === undefined ? [] : [["u1", labels]]),
    bootedAt,
  });
  expect(escaped.map(({ why }) => why)).toEqual(
    expected === undefined || expected === UNREAD ? [] : [expected],
  );
  expect(unread.map(({ metadata }) => metadata.uid)).toEqual(expected === UNREAD ? ["u1"] : []);
});
