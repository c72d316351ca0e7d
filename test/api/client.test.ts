// The product's client and cache against a real API server.
import { refused } from "../unit/refused.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cache } from "../../src/kubernetes/cache.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { KubernetesError } from "../../src/kubernetes/error.ts";
import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { CNI_NODES, PODS, SECURITY_GROUP_POLICIES, SERVICE_ACCOUNTS } from "../../src/kubernetes/objects.ts";
import type { KubernetesObject } from "../../src/kubernetes/metadata.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { startApiServer, type ApiServer } from "../ground/api-server.ts";
import { kubeconfigOf, readKubeconfig, type Access } from "../ground/kubernetes/kubeconfig.ts";
import { eventually } from "../ground/run.ts";
import { makeNamespace, shared } from "./support/shared.ts";

const stop = new AbortController();
afterAll(() => stop.abort(new Error("the tests are over")));
const { signal } = stop;

function clientOf(kubeconfig: string): KubernetesClient {
  return new KubernetesClient(connectTo(loadKubeconfig({ path: kubeconfig }, {}), "branchline-test"));
}

const account = (name: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, ...more },
});

describe("the client", () => {
  let client: KubernetesClient;
  let namespace: string;
  beforeAll(async () => {
    client = clientOf(shared.adminKubeconfig);
    namespace = await makeNamespace("client");
  });

  it("creates, reads, patches and deletes, each with its condition", async () => {
    const name = { namespace, name: "a" };
    const made = await client.create(
      SERVICE_ACCOUNTS,
      namespace,
      account("a", { annotations: { x: "1" } }),
      signal,
    );
    const again = client.create(SERVICE_ACCOUNTS, namespace, account("a"), signal);
    expect(await refused(again)).toMatchObject({ kind: "conflict", reason: "AlreadyExists", status: 409 });
    const { uid, resourceVersion } = made.metadata;
    const patched = await client.patch(
      SERVICE_ACCOUNTS,
      name,
      [
        { op: "test", path: "/metadata/uid", value: uid },
        { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
        { op: "add", path: "/metadata/annotations/y", value: "2" },
      ],
      signal,
    );
    expect(patched.metadata.annotations).toEqual({ x: "1", y: "2" });
    expect(await client.get(SERVICE_ACCOUNTS, name, signal)).toEqual(patched);
    for (const step of [
      { op: "test", path: "/metadata/uid", value: "another" },
      { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
      { op: "test", path: "/metadata/labels/none", value: "x" },
      { op: "add", path: "/metadata/none/x", value: "x" },
    ] as const) {
      const steps = [step, { op: "add", path: "/metadata/annotations/z", value: "3" }] as const;
      expect(await refused(client.patch(SERVICE_ACCOUNTS, name, steps, signal))).toMatchObject({
        kind: "conflict",
        status: 422,
      });
    }
    const invalid = [{ op: "add", path: "/metadata/labels", value: { "a b": "c" } }] as const;
    expect(await refused(client.patch(SERVICE_ACCOUNTS, name, invalid, signal))).toMatchObject({
      kind: "invalid",
      status: 422,
    });
    expect(await refused(client.delete(SERVICE_ACCOUNTS, name, "another", signal))).toMatchObject({
      kind: "conflict",
    });
    expect((await client.get(SERVICE_ACCOUNTS, name, signal)).metadata.annotations).toEqual({
      x: "1",
      y: "2",
    });
    await client.delete(SERVICE_ACCOUNTS, name, uid, signal);
    expect(await refused(client.get(SERVICE_ACCOUNTS, name, signal))).toMatchObject({ kind: "missing" });
  });

  it("a patch that our CRD's rules refuse is invalid, not a conflict", async () => {
    await shared.admin.create("/apis/vpcresources.k8s.aws/v1alpha1/cninodes", {
      apiVersion: "vpcresources.k8s.aws/v1alpha1",
      kind: "CNINode",
      metadata: { name: `of-${namespace}` },
      spec: { managedBy: "branchline" },
    });
    const steps = [{ op: "replace", path: "/spec/managedBy", value: "other" }] as const;
    const error = await refused(client.patch(CNI_NODES, { name: `of-${namespace}` }, steps, signal));
    expect(error).toMatchObject({ kind: "invalid", status: 422 });
  });

  it("lists more than a page, as of one moment", async () => {
    const names = Array.from({ length: 520 }, (_, i) => `page-${i}`);
    for (let i = 0; i < names.length; i += 40) {
      await Promise.all(
        names
          .slice(i, i + 40)
          .map((name) => client.create(SERVICE_ACCOUNTS, namespace, account(name), signal)),
      );
    }
    const { items } = await client.list(SERVICE_ACCOUNTS, { namespace }, signal);
    expect(new Set(items.map(({ metadata }) => metadata.name))).toEqual(new Set([...names, "default"]));
  });

  it("is denied what RBAC does not allow, and what has no credentials", async () => {
    const nobody = clientOf(await shared.kubeconfigFor({ user: "nobody" }));
    expect(await refused(nobody.list(PODS, { namespace }, signal))).toMatchObject({
      kind: "denied",
      status: 403,
      message: expect.stringContaining('User "nobody" cannot list resource "pods"') as string,
    });
  });

  it("is who its kubeconfig says now, on another connection", async () => {
    const config = loadKubeconfig({ path: shared.adminKubeconfig }, {});
    const changing = new KubernetesClient(connectTo(config, "branchline-test"));
    await changing.list(PODS, { namespace }, signal);
    config.loadFromFile(await shared.kubeconfigFor({ user: "nobody" }));
    expect(await refused(changing.list(PODS, { namespace }, signal))).toMatchObject({ status: 403 });
    config.loadFromFile(shared.adminKubeconfig);
    await changing.list(PODS, { namespace }, signal);
  });

  it("believes nobody whose certificate another authority signed, and says what it cannot read", async () => {
    const given = readKubeconfig(shared.adminKubeconfig);
    const clientWith = (access: Partial<Access>) => {
      const config = loadKubeconfig({ path: shared.adminKubeconfig }, {});
      config.loadFromString(kubeconfigOf({ ...given, ...access }));
      return new KubernetesClient(connectTo(config, "branchline-test"));
    };
    if ("token" in given.as) throw new Error("the administrator has no certificate");
    const { certificate } = given.as;
    expect(await refused(clientWith({ ca: certificate }).list(PODS, { namespace }, signal))).toMatchObject({
      kind: "retry",
      message: expect.stringContaining("certificate") as string,
    });
    const broken = clientWith({ as: { certificate, key: "no key" } });
    expect(await refused(broken.list(PODS, { namespace }, signal))).toMatchObject({
      kind: "denied",
      message: expect.stringContaining("the kubeconfig gives no credentials") as string,
    });
  });

  it("knows which resources are served", async () => {
    expect(await client.isServed(SECURITY_GROUP_POLICIES, signal)).toBe(true);
    expect(await client.isServed({ ...SECURITY_GROUP_POLICIES, plural: "others" }, signal)).toBe(false);
    expect(await client.isServed({ ...SECURITY_GROUP_POLICIES, group: "none.example" }, signal)).toBe(false);
    const nowhere = { ...SECURITY_GROUP_POLICIES, group: "none.example" };
    expect(await client.listIfServed(nowhere, {}, signal)).toBeUndefined();
    expect(
      await client.listIfServed({ ...SECURITY_GROUP_POLICIES, plural: "others" }, {}, signal),
    ).toBeUndefined();
  });

  it("ends a watch when its reader stops, and when its signal is aborted", async () => {
    const { resourceVersion } = await client.list(PODS, { namespace }, signal);
    const aborted = new AbortController();
    const watch = client.watch(PODS, { namespace }, { resourceVersion, seconds: 60 }, aborted.signal);
    const next = watch.next();
    setTimeout(() => aborted.abort(new Error("enough")), 300);
    await expect(next).rejects.toThrow("enough");
  });

  it("a version that is too old is said to be so", async () => {
    const watch = client.watch(PODS, {}, { resourceVersion: "1", seconds: 5 }, signal);
    const first = watch.next();
    // The API server may have kept everything since the first; then nothing is said, and the watch ends.
    const outcome = await first.then(
      () => "kept",
      (error: unknown) => (error instanceof KubernetesError ? error.kind : String(error)),
    );
    expect(["kept", "expired"]).toContain(outcome);
    await watch.return();
  });
});

describe("a cache", () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer();
  });
  afterAll(() => server.stop());

  it("outlives the API server and etcd, misses nothing, and asks again within seconds", async () => {
    const client = clientOf(server.adminKubeconfig);
    const warnings: string[] = [];
    const cache = new Cache({
      client,
      resource: SERVICE_ACCOUNTS,
      scope: { namespace: "default" },
      timer: systemTimer,
      random: Math.random,
      warn: (message) => warnings.push(message),
    });
    const over = new AbortController();
    const running = cache.run(over.signal);
    const seen: string[] = [];
    cache.listen(({ type, object }: { type: string; object: KubernetesObject }) =>
      seen.push(`${type} ${object.metadata.name}`),
    );
    try {
      await cache.whenComplete(signal);
      await client.create(SERVICE_ACCOUNTS, "default", account("first"), signal);
      await eventually("the first is seen", () => (cache.get("first", "default") ? true : undefined));
      await server.down(["kube-apiserver"], "SIGKILL");
      await eventually("the failure is said", () => (cache.state().problem ? true : undefined));
      expect(cache.state().isComplete).toBe(true);
      expect(cache.get("first", "default")).toBeDefined();
      await server.up();
      const { metadata } = await client.get(
        SERVICE_ACCOUNTS,
        { namespace: "default", name: "first" },
        signal,
      );
      await client.delete(SERVICE_ACCOUNTS, { namespace: "default", name: "first" }, metadata.uid, signal);
      await client.create(SERVICE_ACCOUNTS, "default", account("second"), signal);
      await eventually("the second is seen", () => (cache.get("second", "default") ? true : undefined));
      expect(cache.get("first", "default")).toBeUndefined();
      await server.restart(undefined, "SIGKILL");
      await client.create(SERVICE_ACCOUNTS, "default", account("third"), signal);
      await eventually("the third is seen", () => (cache.get("third", "default") ? true : undefined));
      expect(cache.state().problem).toBeUndefined();
      expect(seen.filter((line) => !line.endsWith("default"))).toEqual([
        "added first",
        "deleted first",
        "added second",
        "added third",
      ]);
      expect(warnings.length).toBeGreaterThan(0);
    } finally {
      over.abort(new Error("over"));
      await running;
    }
  });
});
