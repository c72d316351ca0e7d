// Who asks, as RBAC and the audit log see it.
import { expect, it } from "vitest";
import { readAudit } from "../ground/kubernetes/audit.ts";
import { ApiClient, type KubernetesObject } from "../ground/kubernetes/client.ts";
import { makeNamespace, shared } from "./support/shared.ts";

interface UserInfo {
  readonly username: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

async function whoami(client: ApiClient): Promise<UserInfo> {
  const review = await client.create<{ status: { userInfo: UserInfo } }>(
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
  );
  return review.status.userInfo;
}

function bindingOf(namespace: string, role: string, subject: object): object {
  return {
    metadata: { name: role, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [subject],
  };
}

it("a client certificate's user and groups are what the API server sees", async () => {
  const file = await shared.kubeconfigFor({ user: "a/b+c,d=e", groups: ["first", "second/third"] });
  const { username, groups } = await whoami(ApiClient.of(file));
  expect(username).toBe("a/b+c,d=e");
  expect(groups.toSorted()).toEqual(["first", "second/third", "system:authenticated"]);
});

it("a user may do what is bound to a group, in its namespace, and no more", async () => {
  const namespace = await makeNamespace();
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const client = ApiClient.of(
    await shared.kubeconfigFor({ user: "reader", groups: [`readers-of-${namespace}`] }),
  );
  await expect(client.list(pods)).rejects.toThrow(
    `pods is forbidden: User "reader" cannot list resource "pods" in API group "" in the namespace "${namespace}"`,
  );
  const group = { apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: `readers-of-${namespace}` };
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
  await shared.admin.create(bindings, bindingOf(namespace, "view", group));
  // RBAC reads its rules from a cache.
  await expect.poll(() => client.request("GET", pods), { timeout: 10_000 }).toMatchObject({ status: 200 });
  await expect(client.list("/api/v1/pods")).rejects.toThrow("at the cluster scope");
  await expect(client.create(pods, {})).rejects.toMatchObject({ status: 403, reason: "Forbidden" });
});

it("a pod's token names its service account, and the node that it runs on", async () => {
  const namespace = await makeNamespace();
  const nodeName = `node-of-${namespace}`;
  await shared.admin.create("/api/v1/nodes", { metadata: { name: nodeName } });
  const { metadata } = await shared.admin.create<KubernetesObject & { metadata: { uid: string } }>(
    `/api/v1/namespaces/${namespace}/pods`,
    {
      metadata: { name: "agent" },
      spec: { nodeName, containers: [{ name: "agent", image: "agent" }] },
    },
  );
  const file = await shared.kubeconfigOf(namespace, "default", { name: "agent", uid: metadata.uid });
  const { username, groups, extra } = await whoami(ApiClient.of(file));
  expect(username).toBe(`system:serviceaccount:${namespace}:default`);
  expect(groups).toContain(`system:serviceaccounts:${namespace}`);
  expect(extra?.["authentication.kubernetes.io/node-name"]).toEqual([nodeName]);
});

it("a request is in the audit log by the time it is answered: who, what, and with which status", async () => {
  const namespace = await makeNamespace();
  const user = `auditor-of-${namespace}`;
  const client = ApiClient.of(await shared.kubeconfigFor({ user }));
  await client.request("GET", `/api/v1/namespaces/${namespace}/pods/one/status`);
  await client.request("DELETE", `/apis/apps/v1/namespaces/${namespace}/deployments/two`);
  expect(shared.audited(user)).toMatchObject([
    { verb: "get", objectRef: { resource: "pods", subresource: "status", namespace, name: "one" } },
    { verb: "delete", objectRef: { resource: "deployments", apiGroup: "apps", namespace, name: "two" } },
  ]);
  expect(shared.audited(user).map(({ responseStatus }) => responseStatus?.code)).toEqual([403, 403]);
  expect(
    readAudit(shared.auditLog).filter(({ user: { username } }) => username === "system:apiserver"),
  ).toEqual([]);
});
