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
}

const podOf = ({ phase = "Running", annotation: its, asks = false, hostNetwork = false, app = "web" }: Is) =>
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
    status: { phase },
  });

const policyOf = (creationTimestamp: string, selector: object) =>
  SECURITY_GROUP_POLICIES.read({
    metadata: { namespace: "shop", name: "p", creationTimestamp },
    spec: { ...selector, securityGroups: { groupIds: ["sg-1"] } },
  });
const older = policyOf("2026-11-28T12:00:00Z", { podSelector: { matchLabels: { app: "web" } } });
const younger = policyOf("2026-11-28T12:00:01Z", { podSelector: {} });
const byAccount = policyOf("2026-11-28T11:00:00Z", { serviceAccountSelector: {} });

it.each<[string, Is, object[], { attached?: string[]; vlanIds?: number[] }, string | undefined]>([
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
  ["a policy by ServiceAccount", {}, [byAccount], {}, undefined],
  ["a pod that starts", { asks: true, phase: "Pending" }, [], {}, undefined],
  ["a pod that has ended", { asks: true, phase: "Failed" }, [], {}, undefined],
  ["a pod of the node's network", { asks: true, hostNetwork: true }, [], {}, undefined],
  ["nothing", {}, [], {}, undefined],
])("%s", (_what, is, policies, { attached = [], vlanIds = [] }, why) => {
  const found = findEscaped({
    pods: [podOf(is)],
    policies: policies as (typeof older)[],
    attached: new Set(attached),
    vlanIds: new Set(vlanIds),
  });
  expect(found.map((one) => one.why)).toEqual(why === undefined ? [] : [why]);
});
