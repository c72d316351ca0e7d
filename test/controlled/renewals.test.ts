// The webhook's certificates and its authority are renewed, and no pod is missed.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startAdmission } from "../../src/controller/admission/admission.ts";
import { Cache } from "../../src/kubernetes/cache.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { SECURITY_GROUP_POLICIES, SERVICE_ACCOUNTS } from "../../src/kubernetes/objects.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { AdmittedCluster, SOON_MS, outcomeOf, review } from "../api/support/admitted.ts";
import { freePort } from "../ground/kubernetes/ports.ts";
import { eventually } from "../ground/run.ts";

let its: AdmittedCluster;

beforeAll(async () => {
  its = await AdmittedCluster.start();
  const { admin } = its;
  await admin.create("/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies", {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "by-account" },
    spec: {
      serviceAccountSelector: { matchLabels: { team: "till" } },
      securityGroups: { groupIds: ["sg-1"] },
    },
  });
  await admin.create("/api/v1/namespaces/shop/serviceaccounts", {
    metadata: { name: "cashier", labels: { team: "till" } },
  });
}, SOON_MS);

afterAll(() => its[Symbol.asyncDispose]());

/** Of a pod that only the webhook sees to be selected. */
async function outcome(): Promise<string> {
  return outcomeOf(await review(its.admin, { account: "cashier" }));
}

it(
  "its certificates and its authority are renewed under load, and no pod is missed",
  async () => {
    await using admission = await startRotating();
    await eventually(
      "pods are reviewed",
      async () => ((await outcome()) === "1, 1" ? true : undefined),
      SOON_MS,
    );
    const failed = failures().length;
    const missed: string[] = [];
    const over = new AbortController();
    const load = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const each = await Promise.all([outcome(), outcome()]);
        missed.push(...each.filter((one) => one !== "1, 1"));
      }
    });
    const count = (what: string) => admission.log.filter((line) => line.startsWith(what)).length;
    const before = count("a new authority");
    try {
      await eventually(
        "two more authorities, and certificates by them",
        () =>
          Promise.resolve(
            count("a new authority") >= before + 2 && count("a new cert") >= 4 ? true : undefined,
          ),
        SOON_MS,
      );
    } finally {
      over.abort();
      await Promise.all(load);
    }
    expect([...missed, ...failures().slice(failed)]).toEqual([]);
  },
  2 * SOON_MS,
);

/** What the API server has logged about webhooks that it could not call. */
function failures(): readonly string[] {
  const log = readFileSync(its.cluster.server.log("kube-apiserver"), "utf8");
  return log.split("\n").filter((line) => line.includes("ailed calling webhook"));
}

/** In this process, with certificates that are valid for hours but used for moments, so that a slow machine has time. */
async function startRotating() {
  const stop = new AbortController();
  const client = new KubernetesClient(
    connectTo(loadKubeconfig({ path: its.kubeconfig }, {}), "branchline-test"),
  );
  const options = { client, timer: systemTimer, random: Math.random, warn: () => undefined, scope: {} };
  const policies = new Cache({ ...options, resource: SECURITY_GROUP_POLICIES });
  const serviceAccounts = new Cache({ ...options, resource: SERVICE_ACCOUNTS });
  const running = [policies.run(stop.signal), serviceAccounts.run(stop.signal)];
  await Promise.all([policies.whenComplete(stop.signal), serviceAccounts.whenComplete(stop.signal)]);
  const log: string[] = [];
  const port = await freePort();
  const hour = 3_600_000;
  const admission = await startAdmission({
    ...options,
    policies,
    serviceAccounts,
    metrics: new Metrics(() => undefined),
    wallClock: Date.now,
    log: (_level, message) => void log.push(message),
    said: () => undefined,
    // For a controller outside the cluster.
    listen: { host: "127.0.0.1", port },
    namespace: "kube-system",
    url: `https://127.0.0.1:${port}`,
    lifetimes: {
      authority: { validMs: 10 * hour, renewMs: 8_000 },
      leaf: { validMs: hour, renewMs: 3_000 },
    },
    lookMs: 3_000,
  });
  return {
    log,
    async [Symbol.asyncDispose]() {
      await admission.close();
      stop.abort();
      await Promise.all(running);
    },
  };
}
