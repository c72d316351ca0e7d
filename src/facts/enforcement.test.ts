import { expect, it } from "vitest";
import { settings } from "../../test/unit/explained.ts";
import type { WorkloadFact } from "./workloads.ts";
import { enforcementIn } from "./enforcement.ts";

const daemonSet = (name: string, labels: object = {}, args: readonly string[] = []) =>
  ({ name, labels, containers: [{ name, image: "", args, env: {} }] }) as unknown as WorkloadFact;
const AWS = daemonSet("aws-node", { "k8s-app": "aws-node" }, ["--enable-network-policy=true"]);

it.each<[string, readonly WorkloadFact[], Parameters<typeof settings>[0], unknown]>([
  ["nothing", [daemonSet("kube-proxy")], {}, undefined],
  [
    "Calico, by its label",
    [daemonSet("node", { "k8s-app": "calico-node" })],
    {},
    { by: "calico-node", hasOwnKinds: true },
  ],
  ["kube-router, by its name", [daemonSet("kube-router")], {}, { by: "kube-router", hasOwnKinds: false }],
  ["aws-node with its agent", [AWS], {}, { by: "aws-node's network policy agent", hasOwnKinds: true }],
  ["aws-node without it", [daemonSet("aws-node")], {}, undefined],
  ["ignored on purpose", [AWS], { networkPolicies: "ignore" }, undefined],
  [
    "said by a person",
    [],
    { networkPolicies: "enforced" },
    { by: expect.stringContaining("--network-policies=enforced"), hasOwnKinds: false },
  ],
])("%s", (_what, daemonSets, said, expected) =>
  expect(enforcementIn(daemonSets, settings(said))).toEqual(expected),
);
