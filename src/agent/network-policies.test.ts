import { expect, it } from "vitest";
import { NETWORK_POLICIES, PODS } from "../kubernetes/objects.ts";
import { networkPoliciesOf } from "./network-policies.ts";

const pod = PODS.read({ metadata: { namespace: "shop", name: "web", labels: { app: "web" } } });
const spec = { hostNetwork: true };
const calico = {
  metadata: { namespace: "calico-system", name: "c", labels: { "k8s-app": "calico-node" } },
  spec,
};
const kubeRouter = {
  metadata: { namespace: "kube-system", name: "r", labels: { "k8s-app": "kube-router" } },
  spec,
};
const awsNode = (...args: string[]) => ({
  metadata: { namespace: "kube-system", name: "aws-node-x", labels: { "k8s-app": "aws-node" } },
  spec: { ...spec, containers: [{ name: "aws-node" }, { name: "aws-eks-nodeagent", args }] },
});
const on = { namespace: "shop", name: "n" };
const selects = { metadata: on, spec: { podSelector: { matchLabels: { app: "web" } } } };
const NONE = { enforced: "none" };
const SOME = { enforced: "some", policy: "shop/n" };

it.each<[string, "auto" | "enforced" | "ignore", object[], object[] | undefined, object]>([
  ["nothing enforces", "auto", [], [selects], NONE],
  ["Calico's agent", "auto", [calico], [selects], SOME],
  ["Calico's agent, which may have policies of its own", "auto", [calico], [], { enforced: "unseen" }],
  ["kube-router, which has none", "auto", [kubeRouter], [], NONE],
  ["kube-router", "auto", [kubeRouter], [selects], SOME],
  ["kube-router and Calico", "auto", [calico, kubeRouter], [], { enforced: "unseen" }],
  ["a tenant's pod that is labelled like Calico's", "auto", [{ ...calico, spec: {} }], [selects], NONE],
  ["Calico's agent that has ended", "auto", [{ ...calico, status: { phase: "Failed" } }], [selects], NONE],
  ["aws-node's agent that enforces", "auto", [awsNode("--enable-network-policy=true")], [selects], SOME],
  ["aws-node's agent that does not", "auto", [awsNode("--enable-network-policy=false")], [selects], NONE],
  ["a person says that something enforces", "enforced", [], [selects], SOME],
  ["a person says that it does not matter", "ignore", [calico], [selects], NONE],
  ["no policy", "enforced", [], [], NONE],
  [
    "a policy of another namespace",
    "enforced",
    [],
    [{ ...selects, metadata: { ...on, namespace: "x" } }],
    NONE,
  ],
  [
    "a policy for other labels",
    "enforced",
    [],
    [{ metadata: on, spec: { podSelector: { matchLabels: { app: "db" } } } }],
    NONE,
  ],
  ["a policy for all", "enforced", [], [{ metadata: on, spec: { podSelector: {} } }], SOME],
  [
    "a policy that cannot be evaluated",
    "enforced",
    [],
    [{ metadata: on, spec: { podSelector: { matchExpressions: [{ key: "app", operator: "Is" }] } } }],
    SOME,
  ],
  ["policies that are not known yet", "enforced", [], undefined, { enforced: "unknown" }],
])("%s", (_what, mode, pods, policies, expected) => {
  const isComplete = policies !== undefined;
  const found = networkPoliciesOf(
    pod,
    mode,
    { values: () => pods.map((one) => PODS.read(one)).values() },
    {
      values: () => (policies ?? []).map((one) => NETWORK_POLICIES.read(one)).values(),
      state: () => ({
        isComplete,
        isMissing: false,
        isFollowing: true,
        heardAt: 0,
        listedAt: 0,
        resourceVersion: "1",
        problem: undefined,
      }),
    },
  );
  expect(found).toEqual(expected);
});
