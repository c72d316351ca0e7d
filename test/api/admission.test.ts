// Policies in the API server itself, on which our guards rest.
import { describe, expect, it } from "vitest";
import { makeNamespace, shared } from "./support/shared.ts";

const GROUP = "/apis/admissionregistration.k8s.io/v1";

it.each(["validatingadmissionpolicies", "mutatingadmissionpolicies"])(
  "the API server has %s",
  async (resource) => {
    const { resources } = await shared.admin.get<{ resources: { name: string }[] }>(GROUP);
    expect(resources.map(({ name }) => name)).toContain(resource);
  },
);

describe("a ValidatingAdmissionPolicy", () => {
  it("refuses what its expression refuses, for whom and where it is bound", async () => {
    const namespace = await makeNamespace();
    const other = await makeNamespace();
    const name = `no-secrets-of-${namespace}`;
    await shared.admin.create(`${GROUP}/validatingadmissionpolicies`, {
      metadata: { name },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] },
          ],
        },
        validations: [
          {
            expression: "!has(object.data) || !('password' in object.data)",
            messageExpression: "'no password in ' + object.metadata.name",
          },
        ],
      },
    });
    await shared.admin.create(`${GROUP}/validatingadmissionpolicybindings`, {
      metadata: { name },
      spec: {
        policyName: name,
        validationActions: ["Deny"],
        matchResources: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } },
      },
    });
    const post = (where: string, data: object) =>
      shared.admin.request("POST", `/api/v1/namespaces/${where}/configmaps?dryRun=All`, {
        metadata: { name: "m" },
        data,
      });
    // It acts a moment after it is there.
    await expect
      .poll(() => post(namespace, { password: "x" }), { timeout: 20_000 })
      .toMatchObject({ status: 422, body: { message: expect.stringContaining("no password in m") } });
    expect((await post(namespace, { word: "x" })).status).toBe(201);
    expect((await post(other, { password: "x" })).status).toBe(201);
  });
});
