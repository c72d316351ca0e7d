import { expect, it } from "vitest";
import { lackingLabels, stableLabels } from "./labels.ts";

it("a selector has no labels that differ from pod to pod or from release to release", () =>
  expect(
    stableLabels({
      app: "web",
      "app.kubernetes.io/name": "web",
      "acme.example.com/team": "shop",
      "app.kubernetes.io/version": "1.2",
      "apps.kubernetes.io/pod-index": "0",
      "batch.kubernetes.io/job-name": "x",
      "controller-revision-hash": "web-5d4f",
      "helm.sh/chart": "web-1.2.3",
      "pod-template-hash": "5d4f",
      "security.istio.io/tlsMode": "istio",
      "statefulset.kubernetes.io/pod-name": "web-0",
      "topology.kubernetes.io/region": "us-east-1",
      "topology.kubernetes.io/zone": "us-east-1a",
      "topology.k8s.aws/zone-id": "use1-az1",
    }),
  ).toEqual({ app: "web", "app.kubernetes.io/name": "web", "acme.example.com/team": "shop" }));

it.each([
  [{ matchLabels: { role: "client", app: "web" } }, { role: "client" }],
  // Another value is another thing, not a lacking one.
  [{ matchLabels: { app: "db" } }, {}],
  [{ matchExpressions: [{ key: "role", operator: "In", values: ["a", "b"] }] }, { role: "a" }],
  [{ matchExpressions: [{ key: "role", operator: "Exists" }] }, { role: "true" }],
  [{ matchExpressions: [{ key: "role", operator: "NotIn", values: ["a"] }] }, {}],
  [{ matchLabels: { constructor: "x" } }, { constructor: "x" }],
])("of %j lacks %j", (selector, lacking) => expect(lackingLabels(selector, { app: "web" })).toEqual(lacking));
