// The webhook of the running controller, by which a real API server asks it.
import { afterAll, beforeAll, expect, it } from "vitest";
import { startAdmission } from "../../src/controller/admission/admission.ts";
import { Cache } from "../../src/kubernetes/cache.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { connectTo } from "../../src/kubernetes/connect.ts";
import { loadKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { SECURITY_GROUP_POLICIES, SERVICE_ACCOUNTS } from "../../src/kubernetes/objects.ts";
import { systemTimer } from "../../src/sys/timer.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import type { Answer } from "../ground/kubernetes/client.ts";
import { freePort } from "../ground/kubernetes/ports.ts";
import { eventually } from "../ground/run.ts";
import { ControlledCluster, POD_ENI } from "./support/controlled-cluster.ts";
import { admissionObjects, apply, denialOf, untilActs } from "./support/guarded.ts";
import { Rights, asked } from "./support/rights.ts";
import type { RunningPart } from "./support/running-part.ts";

const USER = "system:serviceaccount:kube-system:branchline-controller";
const PODS = "/api/v1/namespaces/shop/pods";
const ACCOUNTS = "/api/v1/namespaces/shop/serviceaccounts";
const POLICIES = "/apis/vpcresources.k8s.aws/v1beta1/namespaces/shop/securitygrouppolicies";
const SECRET = "/api/v1/namespaces/kube-system/secrets/branchline-webhook";
const TEST_MS = 300_000;
/** Far more than it takes on a busy machine. */
const SOON_MS = 120_000;

const own = new Rights("controller.yaml");
const rights = new Rights("webhook.yaml");

let cluster: ControlledCluster;
let kubeconfig: string;

beforeAll(async () => {
  cluster = await ControlledCluster.start({ nodes: 1 });
  const { admin, server } = cluster;
  await own.apply(server);
  await rights.apply(server);
  for (const file of ["guard-selected-pods.yaml", "webhook.yaml"])
    for (const object of admissionObjects(file)) await apply(admin, object);
  kubeconfig = await server.kubeconfigOf("kube-system", "branchline-controller");
  await cluster.createPolicy("by-label", { app: "web" }, ["sg-1"]);
  await admin.create(POLICIES, {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "by-account" },
    spec: {
      serviceAccountSelector: { matchLabels: { team: "till" } },
      securityGroups: { groupIds: ["sg-1"] },
    },
  });
  await admin.create(ACCOUNTS, { metadata: { name: "cashier", labels: { team: "till" } } });
  await untilActs(
    "guard 2",
    () => review({ labels: { app: "web" } }),
    (answer) => denialOf(answer) !== undefined,
  );
}, TEST_MS);

afterAll(() => cluster[Symbol.asyncDispose]());

interface Wanted {
  readonly labels?: Readonly<Record<string, string>>;
  readonly account?: string;
}

/** A pod is created by a dry run, which passes through all of admission. */
function review({ labels = {}, account = "default" }: Wanted): Promise<Answer> {
  return cluster.admin.request("POST", `${PODS}?dryRun=All`, {
    metadata: { generateName: "pod-", labels },
    spec: { serviceAccountName: account, containers: [{ name: "c", image: "c" }] },
  });
}

interface Pod {
  readonly spec: {
    readonly containers: readonly [
      { readonly resources: Readonly<Record<string, Readonly<Record<string, string>>>> },
    ];
  };
}

/** What the pod asks for in the end, or who denied it; with anything else it fails. */
function outcomeOf(answer: Answer): string {
  const denial = denialOf(answer);
  if (denial !== undefined) return `${denial.policy}: ${denial.message}`;
  if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  const { limits, requests } = (answer.body as Pod).spec.containers[0].resources;
  return `${limits?.[POD_ENI] ?? "none"}, ${requests?.[POD_ENI] ?? "none"}`;
}

async function outcome(wanted: Wanted): Promise<string> {
  return outcomeOf(await review(wanted));
}

const CASHIER: Wanted = { account: "cashier" };

function untilServed(): Promise<unknown> {
  return eventually(
    "pods are reviewed",
    async () => ((await outcome(CASHIER)) === "1, 1" ? true : undefined),
    SOON_MS,
  );
}

async function controller(): Promise<RunningPart> {
  const port = await freePort();
  const flags = ["--webhook-listen", `127.0.0.1:${port}`, "--webhook-url", `https://127.0.0.1:${port}`];
  return cluster.controller([...flags, "--lease-duration", "10s"], kubeconfig);
}

it(
  "two replicas: a selected pod asks for its branch, by labels of its own or of its ServiceAccount, and no other does",
  async () => {
    // Both have one URL here, as both have one Service in a cluster: the one that does not lead is asked.
    const leader = cluster.controller(["--lease-duration", "10s"], kubeconfig);
    await eventually(
      "the first one leads",
      async () => ((await leader.health("readyz")).text.includes("[+]Leading") ? true : undefined),
      SOON_MS,
    );
    const second = await controller();
    await untilServed();
    await eventually(
      "it says so",
      async () => {
        const { text } = await second.health("readyz");
        return /\[-\]Leading[^]*\[\+\]AdmissionServes: registered/.test(text) ? true : undefined;
      },
      SOON_MS,
    );
    expect(await outcome({ labels: { app: "web" } })).toBe("1, 1");
    expect(await outcome({ labels: { app: "other" } })).toBe("none, none");
    // The cache need not have it yet.
    await cluster.admin.create(ACCOUNTS, { metadata: { name: "new", labels: { team: "till" } } });
    expect(await outcome({ account: "new" })).toBe("1, 1");
    await cluster.admin.create(ACCOUNTS, { metadata: { name: "other" } });
    expect(await outcome({ account: "other" })).toBe("none, none");
    const metrics = await second.metrics();
    expect(metrics.get('branchline_webhook_answers_total{answer="asks"}')).toBeGreaterThanOrEqual(3);
    expect(metrics.get('branchline_webhook_answers_total{answer="failed"}')).toBe(0);
    // One that nobody has: it is read from the API server, so that no right is unused.
    await outcome({ account: "nobody" });

    expect(await second.end("SIGTERM")).toBe(0);
    expect(await leader.end("SIGTERM")).toBe(0);
    const { used, forbidden } = asked(cluster.server, USER);
    expect(forbidden).toEqual([]);
    expect(used).toEqual(expect.arrayContaining(rights.granted()));
  },
  TEST_MS,
);

it(
  "while no controller runs, a pod that no policy selects starts, and one that a podSelector selects is denied by name",
  async () => {
    expect(await outcome({ labels: { app: "other" } })).toBe("none, none");
    expect(await outcome({ labels: { app: "web" } })).toMatch(
      /^branchline-selected-pods: SecurityGroupPolicy shop\/by-label selects this pod, which asks for no branch/,
    );
    // Only its agent can refuse it: no policy of the API server sees a ServiceAccount's labels.
    expect(await outcome(CASHIER)).toBe("none, none");
  },
  TEST_MS,
);

it(
  "its certificates and its authority are renewed under load, and no pod is missed",
  async () => {
    await using admission = await startRotating();
    await untilServed();
    const missed: string[] = [];
    const over = new AbortController();
    const load = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const [web, cashier] = await Promise.all([outcome({ labels: { app: "web" } }), outcome(CASHIER)]);
        missed.push(...[web, cashier].filter((one) => one !== "1, 1"));
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
    expect(missed).toEqual([]);
  },
  TEST_MS,
);

/** In this process, with certificates that are valid for hours but used for moments, so that a slow machine has time. */
async function startRotating() {
  // The authority of the other tests is valid for so long that this one would never renew it.
  await cluster.admin.patch(SECRET, "merge", { data: null });
  const stop = new AbortController();
  const client = new KubernetesClient(connectTo(loadKubeconfig({ path: kubeconfig }, {}), "branchline-test"));
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
