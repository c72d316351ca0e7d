import { describe, expect, it } from "vitest";
import { POD_ENI } from "../../kubernetes/objects.ts";
import type { SecurityGroupPolicy } from "../../policy/security-group-policy.ts";
import { mutate } from "./mutate.ts";
import { readPod } from "./reviewed-pod.ts";

const groups = ["sg-1"];
const everyPod: SecurityGroupPolicy = { namespace: "shop", name: "every", podSelector: {}, groups };
const byAccount: SecurityGroupPolicy = {
  namespace: "shop",
  name: "by-account",
  serviceAccountSelector: { matchLabels: { team: "till" } },
  groups,
};

interface Fields {
  readonly labels?: object;
  readonly annotations?: object;
  readonly spec?: object;
}

function pod({ labels = {}, annotations = {}, spec = {} }: Fields, userGroups: readonly string[] = []) {
  const object = {
    metadata: { name: "pod", labels, annotations },
    spec: { serviceAccountName: "cashier", containers: [{ name: "c", resources: {} }], ...spec },
  };
  return readPod(object, "shop", userGroups);
}

const limits = "/spec/containers/0/resources/limits";
const requests = "/spec/containers/0/resources/requests";
const ASKING = [
  { op: "add", path: `${limits}/vpc.amazonaws.com~1pod-eni`, value: "1" },
  { op: "add", path: `${requests}/vpc.amazonaws.com~1pod-eni`, value: "1" },
];
const MAPS = [
  { op: "add", path: limits, value: {} },
  { op: "add", path: requests, value: {} },
];

describe("mutate", () => {
  it.each<[string, object, object[]]>([
    ["neither limits nor requests", { resources: {} }, MAPS],
    ["no resources", {}, [{ op: "add", path: "/spec/containers/0/resources", value: {} }, ...MAPS]],
    ["limits", { resources: { limits: { cpu: "1" } } }, MAPS.slice(1)],
    ["both", { resources: { limits: {}, requests: {} } }, []],
    ["a limit of none", { resources: { limits: { [POD_ENI]: "0" }, requests: { [POD_ENI]: "0" } } }, []],
  ])("a first container with %s asks", (_what, container, before) => {
    const spec = { containers: [container, { name: "d", resources: { limits: { cpu: "1" } } }] };
    expect(mutate(pod({ spec }), [everyPod], undefined)).toEqual({
      patch: [...before, ...ASKING],
      undecided: [],
    });
  });

  const isAsking = (...of: Parameters<typeof mutate>) => mutate(...of).patch.length > 0;

  // As test/api/admission-selected.test.ts has them of the guard and the mutating policy.
  const limit = (quantity: string) => ({ name: "c", resources: { limits: { [POD_ENI]: quantity } } });
  const fargate = { "eks.amazonaws.com/fargate-profile": "p" };
  const podSg = { "fargate.amazonaws.com/pod-sg": "sg-1" };
  const mirror = { "kubernetes.io/config.mirror": "x" };
  it.each<[string, Fields, boolean]>([
    ["an ordinary one", {}, true],
    ["one in its node's network", { spec: { hostNetwork: true } }, false],
    ["one that says so, and is not", { spec: { hostNetwork: false } }, true],
    ["one for Windows", { spec: { nodeSelector: { "kubernetes.io/os": "windows" } } }, false],
    [
      "one for Windows, the old way",
      { spec: { nodeSelector: { "beta.kubernetes.io/os": "windows" } } },
      false,
    ],
    ["one for Linux", { spec: { nodeSelector: { "kubernetes.io/os": "linux" } } }, true],
    ["one with the label windows", { labels: { "kubernetes.io/os": "windows" } }, true],
    ["one on Fargate", { labels: fargate, annotations: podSg }, false],
    ["one that says it is on Fargate", { labels: fargate }, true],
    ["one with Fargate's annotation alone", { annotations: podSg }, true],
    ["one that says it is a mirror", { annotations: mirror }, true],
    ["one that asks", { spec: { containers: [limit("1")] } }, false],
    ["one that asks for two", { spec: { containers: [limit("2")] } }, false],
    ["one whose second container asks", { spec: { containers: [{ name: "d" }, limit("1")] } }, false],
    ["one whose init container asks", { spec: { initContainers: [limit("1")] } }, false],
    ["one with an init container that does not ask", { spec: { initContainers: [{ name: "d" }] } }, true],
    ["one without containers", { spec: { containers: [] } }, false],
  ])("%s", (_what, fields, expected) => expect(isAsking(pod(fields), [everyPod], undefined)).toBe(expected));

  it("a kubelet's own mirror stays as it is", () =>
    expect(isAsking(pod({ annotations: mirror }, ["system:nodes"]), [everyPod], undefined)).toBe(false));

  it("by the labels of the ServiceAccount", () => {
    expect(isAsking(pod({}), [byAccount], { team: "till" })).toBe(true);
    expect(mutate(pod({}), [byAccount], { team: "other" })).toEqual({ patch: [], undecided: [] });
  });

  it("is undecided without these labels, unless another policy selects the pod", () => {
    const why = "spec.serviceAccountSelector: the labels of ServiceAccount cashier are not known";
    expect(mutate(pod({}), [byAccount], undefined)).toEqual({
      patch: [],
      undecided: [{ policy: "shop/by-account", why }],
    });
    expect(mutate(pod({}), [byAccount, everyPod], undefined)).toMatchObject({
      patch: [...MAPS, ...ASKING],
      undecided: [],
    });
  });

  it("knows the namespace from the request", () =>
    expect(isAsking(pod({}), [{ ...everyPod, namespace: "other" }], undefined)).toBe(false));
});
