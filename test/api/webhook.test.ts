// Admission as the chart installs it, and the running controller's webhook: a real API server asks it by its Service.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiClient, type KubernetesObject } from "../ground/kubernetes/client.ts";
import { eventually } from "../ground/run.ts";
import {
  AdmittedCluster,
  RELEASE,
  SOON_MS,
  VALUES,
  type Wanted,
  askedBy,
  outcomeOf,
  review,
} from "./support/admitted.ts";
import { mustHelm } from "./support/chart.ts";
import { admissionObjects, apply, denialOf, untilActs } from "./support/guarded.ts";
import { type OtherWebhook, startOtherWebhook } from "./support/other-webhook.ts";
import { podRows } from "./support/pods-while-down.ts";
import { Rights, asked } from "./support/rights.ts";
import type { RunningPart } from "./support/running-part.ts";
import { linesOf, tablesOf } from "./support/who.ts";

const USER = "system:serviceaccount:kube-system:branchline-controller";
const ACCOUNTS = "/api/v1/namespaces/shop/serviceaccounts";
const policiesIn = (namespace: string) =>
  `/apis/vpcresources.k8s.aws/v1beta1/namespaces/${namespace}/securitygrouppolicies`;
const SECRET = "/api/v1/namespaces/kube-system/secrets/branchline-webhook";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/branchline-controller";
const REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1";
const WEBHOOK = `${REGISTRATIONS}/mutatingwebhookconfigurations/branchline`;
const TEST_MS = 300_000;

/** Of deploy/rbac, as the chart has them too. */
const rights = new Rights("webhook.yaml");

let its: AdmittedCluster;
let admin: ApiClient;

beforeAll(async () => {
  its = await AdmittedCluster.start();
  ({ admin } = its);
  await its.cluster.makeNamespace("legacy");
  await its.cluster.createPolicy("by-label", { app: "web" }, ["sg-1"]);
  await makePolicy("by-account", { serviceAccountSelector: { matchLabels: { team: "till" } } });
  await admin.create(ACCOUNTS, { metadata: { name: "cashier", labels: { team: "till" } } });
  await untilActs(
    "the mutating policy",
    () => review(admin, WEB),
    (answer) => outcomeOf(answer) === "1, 1",
  );
}, TEST_MS);

afterAll(() => its[Symbol.asyncDispose]());

const WEB: Wanted = { labels: { app: "web" } };
/** No policy of the API server sees that it is selected. */
const CASHIER: Wanted = { account: "cashier" };

async function outcome(wanted: Wanted): Promise<string> {
  return outcomeOf(await review(admin, wanted));
}

const policy = (name: string, spec: object) => ({
  apiVersion: "vpcresources.k8s.aws/v1beta1",
  kind: "SecurityGroupPolicy",
  metadata: { name },
  spec: { ...spec, securityGroups: { groupIds: ["sg-1"] } },
});

function makePolicy(name: string, spec: object, namespace = "shop"): Promise<KubernetesObject> {
  return admin.create(policiesIn(namespace), policy(name, spec));
}

function untilServed(): Promise<unknown> {
  return eventually(
    "pods are reviewed",
    async () => ((await outcome(CASHIER)) === "1, 1" ? true : undefined),
    SOON_MS,
  );
}

/** What helm has asked of a kind's objects, in order. */
function askedByHelm(verbs: readonly string[]): readonly string[] {
  return its.cluster.server
    .audited("admin")
    .filter(({ userAgent, verb }) => userAgent?.startsWith("Helm") === true && verbs.includes(verb))
    .flatMap(({ objectRef }) => objectRef?.resource ?? []);
}

it("helm installs the guards after the CRDs, and a Lease that is nobody's", async () => {
  const made = askedByHelm(["create", "patch"]);
  expect(made.indexOf("validatingadmissionpolicies")).toBeGreaterThan(
    made.lastIndexOf("customresourcedefinitions"),
  );
  expect(made.indexOf("mutatingadmissionpolicies")).toBeGreaterThan(
    made.lastIndexOf("customresourcedefinitions"),
  );
  expect((await admin.get(LEASE)).spec?.["holderIdentity"]).toBeUndefined();
});

it("refuses policies where the chart says that pods are exempt", async () => {
  for (const namespace of ["kube-system", "legacy"]) {
    const answer = await admin.request("POST", policiesIn(namespace), policy("new", { podSelector: {} }));
    expect(denialOf(answer)?.message).toContain(`no SecurityGroupPolicy in namespace ${namespace}`);
  }
});

let replicas: readonly RunningPart[];

it(
  "two replicas: a selected pod asks for its branch, by labels of its own or of its ServiceAccount, and no other does",
  async () => {
    // The one that does not lead is asked.
    replicas = await its.twoControllers();
    const [, second] = replicas as [RunningPart, RunningPart];
    await untilServed();
    await eventually(
      "it says so",
      async () => {
        const { text } = await second.health("readyz");
        return /\[-\]Leading[^]*\[\+\]AdmissionServes: registered/.test(text) ? true : undefined;
      },
      SOON_MS,
    );
    expect(await outcome(WEB)).toBe("1, 1");
    expect(await outcome({ labels: { app: "other" } })).toBe("none, none");
    // The cache need not have it yet.
    await admin.create(ACCOUNTS, { metadata: { name: "new", labels: { team: "till" } } });
    expect(await outcome({ account: "new" })).toBe("1, 1");
    await admin.create(ACCOUNTS, { metadata: { name: "other" } });
    expect(await outcome({ account: "other" })).toBe("none, none");
    const metrics = await second.metrics();
    expect(metrics.get('branchline_webhook_answers_total{answer="asks"}')).toBeGreaterThanOrEqual(2);
    expect(metrics.get('branchline_webhook_answers_total{answer="failed"}')).toBe(0);
    // One that nobody has: it is read from the API server, so that no right is unused.
    await outcome({ account: "nobody" });
    const { used, forbidden } = asked(its.cluster.server, USER);
    expect(forbidden).toEqual([]);
    expect(used).toEqual(expect.arrayContaining(rights.granted()));
  },
  TEST_MS,
);

describe("beside another webhook, as AWS's", () => {
  const PATH = "/spec/containers/0/resources";
  const TWO = { "vpc.amazonaws.com/pod-eni": "2" };
  // Another number than ours, so that it is seen who has set it.
  const asks = [{ op: "add", path: PATH, value: { limits: TWO, requests: TWO } }] as const;
  const called = async (name: string, patch: Parameters<typeof startOtherWebhook>[3]) => {
    const other = await startOtherWebhook(admin, name, "shop", patch);
    await eventually(
      "it is called",
      async () => {
        await outcome({});
        return other.seen.length > 0 ? true : undefined;
      },
      SOON_MS,
    );
    return other;
  };
  /** What the pod that it was asked about last has asked for by then. */
  const sawLast = ({ seen }: OtherWebhook) => askedBy(seen.at(-1));

  it("that comes first: a pod that asks already stays as it is", async () => {
    await using other = await called("a-first", asks);
    expect(await outcome(CASHIER)).toBe("2, 2");
    expect(sawLast(other)).toBe("none, none");
  });

  it("that comes after it: ours has asked by then, and the other one's word is the last", async () => {
    await using other = await called("vpc-resource-mutating-webhook", asks);
    expect(await outcome(CASHIER)).toBe("2, 2");
    expect(sawLast(other)).toBe("1, 1");
  });

  it("that comes after it and changes the labels: ours is asked again", async () => {
    await admin.create(ACCOUNTS, { metadata: { name: "clerk", labels: { team: "desk" } } });
    await makePolicy("by-both", {
      podSelector: { matchLabels: { late: "yes" } },
      serviceAccountSelector: { matchLabels: { team: "desk" } },
    });
    await eventually(
      "the policy is known",
      async () =>
        (await outcome({ account: "clerk", labels: { late: "yes" } })) === "1, 1" ? true : undefined,
      SOON_MS,
    );
    expect(await outcome({ account: "clerk" })).toBe("none, none");
    await using _ = await called("z-last", [{ op: "add", path: "/metadata/labels", value: { late: "yes" } }]);
    expect(await outcome({ account: "clerk" })).toBe("1, 1");
  });
});

it(
  "who may create what while both replicas serve, after both were killed, and before Kubernetes 1.36",
  async () => {
    // One that is older than guard 4, and selects the chart's own pods.
    const guard4 = `${REGISTRATIONS}/validatingadmissionpolicybindings/branchline-exempt-namespaces`;
    await admin.delete(guard4);
    await eventually(
      "the guard is gone",
      async () => {
        const made = await admin.request(
          "POST",
          policiesIn("kube-system"),
          policy("old", { podSelector: {} }),
        );
        return made.status === 201 ? true : undefined;
      },
      SOON_MS,
    );
    await its.cluster.addNode("n1", 0);
    const apps = "/apis/apps/v1/namespaces/kube-system";
    const own = {
      node: await admin.get("/api/v1/nodes/n1"),
      deployment: await admin.get(`${apps}/deployments/branchline-controller`),
      daemonSet: await admin.get(`${apps}/daemonsets/branchline-agent`),
    };
    const clients = { admin, author: await podAuthor(), kubelet: await kubelet() };
    const who = Object.keys(clients);
    await untilActs(
      "the policy of kube-system",
      () => review(admin, { namespace: "kube-system" }),
      (answer) => outcomeOf(answer) === "1, 1",
    );

    const served = await linesOf(podRows("both serve", own), clients, who);
    for (const one of replicas) await one.end("SIGKILL");
    const killed = await linesOf(podRows("both killed", own), clients, who);
    await admin.delete(`${REGISTRATIONS}/mutatingadmissionpolicybindings/branchline-selected-pods`);
    await untilActs(
      "no policy mutates",
      () => review(admin, WEB),
      (answer) => denialOf(answer) !== undefined,
    );
    const before = await linesOf(podRows("both killed, before 1.36", own), clients, who);
    const columns = ["controller", "verb", "resource", "namespace", "pod", ...who];
    const { answered, written } = tablesOf("controller-down", columns, [...served, ...killed, ...before]);
    expect(answered).toBe(written);
    expect(await outcome(WEB)).toMatch(
      /^branchline-selected-pods: SecurityGroupPolicy shop\/by-label selects this pod, which asks for no branch/,
    );
  },
  TEST_MS,
);

/** Who has every right on pods, and no other. */
async function podAuthor(): Promise<ApiClient> {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await admin.create(`${rbac}/clusterroles`, {
    metadata: { name: "pod-author" },
    rules: [{ apiGroups: [""], resources: ["pods", "pods/*"], verbs: ["*"] }],
  });
  await admin.create(`${rbac}/clusterrolebindings`, {
    metadata: { name: "pod-author" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "pod-author" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "author" }],
  });
  return ApiClient.of(await its.cluster.server.kubeconfigFor({ user: "author" }));
}

async function kubelet(): Promise<ApiClient> {
  const subject = { user: "system:node:n1", groups: ["system:nodes"] };
  return ApiClient.of(await its.cluster.server.kubeconfigFor(subject));
}

it(
  "an upgrade keeps certificates and Lease, and brings back what somebody has deleted",
  async () => {
    const certificates = async () => {
      const secret = (await admin.get(SECRET)) as KubernetesObject & { data?: Record<string, string> };
      const { webhooks } = (await admin.get(WEBHOOK)) as KubernetesObject & {
        webhooks: readonly [{ clientConfig: { caBundle: string } }];
      };
      return { data: secret.data ?? {}, caBundle: webhooks[0].clientConfig.caBundle };
    };
    const before = await certificates();
    expect(Object.keys(before.data).sort()).toEqual(["ca.crt", "ca.key"]);
    expect(Buffer.from(before.caBundle, "base64").toString()).toBe(
      Buffer.from(before.data["ca.crt"] ?? "", "base64").toString(),
    );
    const { spec } = await admin.get(LEASE);
    expect(spec?.["holderIdentity"]).toBeTypeOf("string");
    await mustHelm(its.cluster.server, RELEASE, "upgrade", ...VALUES, "--set", "controller.replicas=3");
    expect(await certificates()).toEqual(before);
    expect((await admin.get(LEASE)).spec).toEqual(spec);
    await untilActs(
      "guard 4",
      () => admin.request("POST", `${policiesIn("legacy")}?dryRun=All`, policy("new", { podSelector: {} })),
      (answer) => denialOf(answer) !== undefined,
    );
    await untilActs(
      "the mutating policy",
      () => review(admin, WEB),
      (answer) => outcomeOf(answer) === "1, 1",
    );
    const again = its.controller();
    await untilServed();
    expect(again.lines.filter(({ message }) => message.startsWith("a new authority"))).toEqual([]);
    // One that hangs delays a pod, and no more.
    process.kill(again.pid, "SIGSTOP");
    try {
      expect(await outcome({})).toBe("none, none");
    } finally {
      process.kill(again.pid, "SIGCONT");
    }
    expect(await again.end("SIGTERM")).toBe(0);
  },
  TEST_MS,
);

describe("uninstalling", () => {
  it(
    "leaves the CRDs, policies and a Lease, and denies nobody anything",
    async () => {
      const held = await admin.get(LEASE);
      await mustHelm(its.cluster.server, RELEASE, "uninstall", "--no-hooks");
      expect(askedByHelm(["delete"])).not.toContain("customresourcedefinitions");
      expect(await left()).toEqual([]);
      expect((await admin.get(LEASE)).metadata.uid).toBe(held.metadata.uid);
      expect((await admin.list(policiesIn("shop"))).length).toBeGreaterThan(0);
      await untilActs(
        "pods are as they are made",
        () => review(admin, WEB),
        (answer) => answer.status === 201 && outcomeOf(answer) === "none, none",
      );
      for (const namespace of ["shop", "legacy", "kube-system"])
        expect(await outcome({ ...WEB, namespace })).toBe("none, none");
      const made = await admin.request("POST", policiesIn("legacy"), policy("new", { podSelector: {} }));
      expect(made.status).toBe(201);
    },
    TEST_MS,
  );

  it(
    "and installed again it finds the CRDs, and a Lease that somebody holds, as they are; and takes what came by hand",
    async () => {
      const held = await admin.get(LEASE);
      for (const object of admissionObjects()) await apply(admin, object);
      await expect(mustHelm(its.cluster.server, RELEASE, "install", ...VALUES)).rejects.toThrow(
        "invalid ownership metadata",
      );
      await mustHelm(
        its.cluster.server,
        RELEASE,
        "install",
        ...VALUES,
        "--take-ownership",
        "--force-conflicts",
      );
      const now = await admin.get(LEASE);
      expect(now.metadata.uid).toBe(held.metadata.uid);
      expect(now.spec).toEqual(held.spec);
      await untilActs(
        "the mutating policy",
        () => review(admin, WEB),
        (answer) => outcomeOf(answer) === "1, 1",
      );
    },
    TEST_MS,
  );
});

/** What has our name, of the kinds that the chart makes. */
async function left(): Promise<readonly string[]> {
  const kinds = [
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
  ].map((kind) => `${REGISTRATIONS}/${kind}`);
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const core = "/api/v1/namespaces/kube-system";
  const places = [
    ...kinds,
    ...["clusterroles", "clusterrolebindings"].map((kind) => `${rbac}/${kind}`),
    ...["roles", "rolebindings"].map((kind) => `${rbac}/namespaces/kube-system/${kind}`),
    ...["serviceaccounts", "services", "configmaps"].map((kind) => `${core}/${kind}`),
    ...["deployments", "daemonsets"].map((kind) => `/apis/apps/v1/namespaces/kube-system/${kind}`),
    "/apis/policy/v1/namespaces/kube-system/poddisruptionbudgets",
  ];
  const lists = await Promise.all(places.map((place) => admin.list(place)));
  const secrets = await admin.list(`${core}/secrets`);
  return [...lists.flat(), ...secrets.filter(({ metadata }) => !metadata.name.startsWith("sh.helm"))]
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith("branchline"));
}
