// The CRD of EKS, which admits any selector; a policy, and then the CRD itself, that goes and comes back.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiServer } from "../ground/api-server.ts";
import type { Answer, KubernetesObject } from "../ground/kubernetes/client.ts";
import { applyCrds, crds } from "../ground/kubernetes/crds.ts";
import { eventually } from "../ground/run.ts";
import { denialOf, startGuarded, untilActs } from "./support/guarded.ts";

const CRD =
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/securitygrouppolicies.vpcresources.k8s.aws";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";

/** Of an API server, on a machine that starts several. */
const START_MS = 180_000;

let server: ApiServer;

beforeAll(async () => {
  server = await startGuarded("guard-selected-pods.yaml");
  await server.admin.create("/api/v1/namespaces", { metadata: { name: "shop" } });
}, START_MS);

afterAll(() => server.stop());

const ask = (labels: object, namespace = "shop"): Promise<Answer> =>
  server.admin.request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, {
    metadata: { name: "pod", labels },
    spec: { containers: [{ name: "c", image: "c" }] },
  });
const isDenied = (answer: Answer) => denialOf(answer) !== undefined;
const isMade = ({ status }: Answer) => status === 201;

function makePolicy(name: string, podSelector: object): Promise<KubernetesObject> {
  return server.admin.create(POLICIES, {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name },
    spec: { podSelector, securityGroups: { groupIds: ["sg-1"] } },
  });
}

/** Ours without what EKS's does not check. */
function unchecked(): KubernetesObject {
  const ours = crds().find(({ metadata }) => metadata.name.startsWith("securitygrouppolicies"));
  const text = JSON.stringify(ours, (key, value: unknown) =>
    key === "x-kubernetes-validations" || (key === "enum" && JSON.stringify(value).includes("NotIn"))
      ? undefined
      : value,
  );
  return JSON.parse(text) as KubernetesObject;
}

describe("a requirement that nobody can evaluate, as EKS's CRD admits it", () => {
  beforeAll(async () => {
    await server.admin.patch(`${CRD}?fieldManager=branchline-test&force=true`, "apply", unchecked());
    await eventually("the schema checks no operator", async () => {
      const { status } = await server.admin.request("POST", `${POLICIES}?dryRun=All`, {
        apiVersion: "vpcresources.k8s.aws/v1beta1",
        kind: "SecurityGroupPolicy",
        metadata: { name: "any" },
        spec: { podSelector: { matchExpressions: [{ key: "a", operator: "in" }] } },
      });
      return status === 201 ? true : undefined;
    });
  });

  it.each<[string, object]>([
    ["an operator that there is not", { key: "app", operator: "in", values: ["web"] }],
    ["In without values", { key: "app", operator: "In" }],
    ["NotIn without values", { key: "app", operator: "NotIn", values: [] }],
    ["Exists with values", { key: "app", operator: "Exists", values: ["web"] }],
    ["DoesNotExist with values", { key: "app", operator: "DoesNotExist", values: ["web"] }],
  ])("%s: pods that nothing else excludes are denied, and told which", async (_what, requirement) => {
    await makePolicy("odd", { matchLabels: { tier: "front" }, matchExpressions: [requirement] });
    await untilActs("the policy", () => ask({ tier: "front" }), isDenied);
    const { operator } = requirement as { operator: string };
    expect(denialOf(await ask({ tier: "front" }))?.message).toBe(
      `SecurityGroupPolicy shop/odd may select this pod: correct its requirement on "app" with operator "${operator}" in spec.podSelector.matchExpressions`,
    );
    expect((await ask({ tier: "back" })).status).toBe(201);
    await server.admin.delete(`${POLICIES}/odd`);
    await untilActs("the policy is gone", () => ask({ tier: "front" }), isMade);
  });
});

it("a policy that is deleted selects nobody", async () => {
  await makePolicy("all", {});
  await untilActs("the policy", () => ask({}), isDenied);
  await server.admin.delete(`${POLICIES}/all`);
  await expect.poll(() => ask({}), { timeout: 30_000 }).toMatchObject({ status: 201 });
});

it("without the CRD every pod of every namespace starts, and with it the guard is back", async () => {
  await makePolicy("all", {});
  await untilActs("the policy", () => ask({}), isDenied);
  await server.admin.delete(CRD);
  await untilActs("no policy is known", () => ask({}), isMade);
  // An API server that has never seen the CRD does not know what the guard's parameters are.
  await server.restart(["kube-apiserver"]);
  for (const namespace of ["shop", "default", "kube-system"])
    expect((await ask({}, namespace)).status).toBe(201);
  await applyCrds(server.admin);
  await makePolicy("all", {});
  // It looks for what it did not find about every half minute.
  await untilActs("the policy", () => ask({}), isDenied);
}, 180_000);
