import { expect, it } from "vitest";
import { parse } from "yaml";
import { aPod } from "../../../test/unit/explained.ts";
import { addLabels, makePolicy, workloadOf } from "./commands.ts";

const ofDeployment = aPod({
  owner: "ReplicaSet/web-5d4f",
  labels: { app: "web", "pod-template-hash": "5d4f" },
});

it.each([
  ["StatefulSet/web", {}, "statefulset/web"],
  ["DaemonSet/web", {}, "daemonset/web"],
  ["ReplicaSet/web-5d4f", { "pod-template-hash": "5d4f" }, "deployment/web"],
  // Of no Deployment: a ReplicaSet by itself, or a Rollout's.
  ["ReplicaSet/web-5d4f", {}, undefined],
  ["ReplicaSet/web", { "pod-template-hash": "5d4f" }, undefined],
  ["Job/web", {}, undefined],
  [undefined, {}, undefined],
])("the pod of %s with %j is of %s", (owner, labels, workload) =>
  expect(workloadOf(aPod({ owner, labels }))).toBe(workload),
);

it("labels are added to the template, which makes pods anew", () => {
  expect(addLabels(ofDeployment, { role: "client" })).toEqual([
    `kubectl patch -n shop deployment/web --type merge -p '{"spec":{"template":{"metadata":{"labels":{"role":"client"}}}}}'`,
  ]);
  expect(addLabels(aPod({ owner: undefined }), { role: "client" })).toEqual([]);
});

it("a manifest's labels are text, whatever they look like", () => {
  const labels = { app: "web", tier: "1", canary: "true", empty: "", on: "1e3", "a.b/c": "x_y.z" };
  const [apply = ""] = makePolicy(ofDeployment, {
    policy: { namespace: "shop", name: "1" },
    labels,
    groups: ["sg-1"],
  });
  const manifest: unknown = parse(apply.split("\n").slice(1, -1).join("\n"), { version: "1.1" });
  expect(manifest).toMatchObject({
    metadata: { name: "1" },
    spec: { podSelector: { matchLabels: labels }, securityGroups: { groupIds: ["sg-1"] } },
  });
});

it("a policy is made before its pod is made anew", () => {
  const made = { policy: { namespace: "shop", name: "web" }, labels: { app: "web" }, groups: ["sg-client"] };
  expect(makePolicy(ofDeployment, made)).toEqual([
    [
      "kubectl apply -f - <<EOF",
      "apiVersion: vpcresources.k8s.aws/v1beta1",
      "kind: SecurityGroupPolicy",
      "metadata:",
      "  name: web",
      "  namespace: shop",
      "spec:",
      "  podSelector:",
      "    matchLabels:",
      "      app: web",
      "  securityGroups:",
      "    groupIds:",
      "      - sg-client",
      "EOF",
    ].join("\n"),
    "kubectl rollout restart -n shop deployment/web",
  ]);
  const restarts = (owner: string | undefined) => makePolicy(aPod({ owner }), made).slice(1);
  expect(restarts("Job/web")).toEqual(["kubectl delete pod -n shop web-0"]);
  expect(restarts(undefined)).toEqual([]);
});
