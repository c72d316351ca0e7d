import { expect, it } from "vitest";
import { NETWORK_POLICY_FACTS } from "./network-policies.ts";

it("keeps peers and ports of each direction, and that there are none apart from that there is no list", () => {
  const object = {
    metadata: { namespace: "data", name: "only-web" },
    spec: {
      podSelector: { matchLabels: { app: "db" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          from: [
            { podSelector: { matchLabels: { app: "web" } } },
            { namespaceSelector: {} },
            { ipBlock: { cidr: "10.0.0.0/8", except: ["10.9.0.0/16"] } },
          ],
          ports: [{ port: 5432 }, { protocol: "UDP", port: "dns", endPort: 90 }, {}],
        },
      ],
      egress: [{}, { to: [], ports: [] }],
    },
  };
  const web = { matchLabels: { app: "web" }, matchExpressions: [] };
  const all = { matchLabels: {}, matchExpressions: [] };
  expect(NETWORK_POLICY_FACTS.read(object)).toEqual({
    namespace: "data",
    name: "only-web",
    podSelector: { matchLabels: { app: "db" }, matchExpressions: [] },
    types: ["Ingress", "Egress"],
    ingress: [
      {
        peers: [
          { kind: "pods", podSelector: web, namespaceSelector: undefined },
          { kind: "pods", podSelector: undefined, namespaceSelector: all },
          { kind: "block", cidr: "10.0.0.0/8", except: ["10.9.0.0/16"] },
        ],
        ports: [
          { protocol: "TCP", port: 5432, endPort: undefined },
          { protocol: "UDP", port: "dns", endPort: 90 },
          { protocol: "TCP", port: undefined, endPort: undefined },
        ],
      },
    ],
    egress: [
      { peers: undefined, ports: undefined },
      { peers: [], ports: [] },
    ],
  });
});
