// What deploy/chart makes of the cluster that helm finds: what it refuses by that, and what it does not know without one.
// helm looks at what belongs to no namespace, which other tests make on the API server that they share: this is one of its own.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { type ApiServer, startApiServer } from "../ground/api-server.ts";
import { helm } from "../ground/kubernetes/tools.ts";
import type { KubernetesObject } from "../ground/kubernetes/client.ts";
import { CHART, LEAST, valuesOf } from "./support/chart.ts";

const CONTROLLER = { enabled: true, clusterName: "blue" };
const STANDALONE = { ...LEAST, controller: { ...CONTROLLER, mode: "standalone" } };
const EKS = { ...LEAST, controller: { ...CONTROLLER, mode: "eks" } };
/** As EKS's API servers call themselves. */
const OF_EKS = ["--kube-version", "v1.36.1-eks-5f2a1c3"];

let server: ApiServer;

beforeAll(async () => {
  server = await startApiServer();
});

afterAll(() => server.stop());

async function makeNamespace(prefix: string): Promise<string> {
  const { metadata } = await server.admin.create("/api/v1/namespaces", {
    metadata: { generateName: `${prefix}-` },
  });
  return metadata.name;
}

/** helm's own words, "" when it takes the values; nothing is made. */
async function dryRun(namespace: string, values: object): Promise<string> {
  const argv = ["install", "branchline", CHART, "--namespace", namespace, "--dry-run=server"];
  const { status, stderr } = await helm([...argv, ...valuesOf(values)], {
    kubeconfig: server.adminKubeconfig,
  });
  return status === 0 ? "" : stderr;
}

async function template(values: object, ...args: readonly string[]): Promise<readonly KubernetesObject[]> {
  const argv = ["template", "branchline", CHART, "--namespace", "kube-system"];
  const { status, stdout, stderr } = await helm([...argv, ...args, ...valuesOf(values)]);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

describe("Pod Security of the namespace", () => {
  it.each(["restricted", "baseline"])(
    "%s is refused: no agent would start, without a word",
    async (level) => {
      const namespace = await makeNamespace("level");
      const label = (value: string | null) =>
        server.admin.patch(`/api/v1/namespaces/${namespace}`, "merge", {
          metadata: { labels: { "pod-security.kubernetes.io/enforce": value } },
        });
      await label(level);
      expect(await dryRun(namespace, LEAST)).toContain(
        `namespace ${namespace} has the label pod-security.kubernetes.io/enforce=${level}, with which no agent would start`,
      );
      await label("privileged");
      expect(await dryRun(namespace, LEAST)).toBe("");
      await label(null);
      expect(await dryRun(namespace, LEAST)).toBe("");
    },
  );
});

describe("a cluster in which EKS's own controller is at work", () => {
  it("is known by its version: no CRDs of ours, no second controller that makes branches", async () => {
    await expect(template({ ...LEAST, crds: { install: true } }, ...OF_EKS)).rejects.toThrow(
      "crds.install is true, but the API server's version is v1.36.1-eks-5f2a1c3: AWS's controller has SecurityGroupPolicy and CNINode",
    );
    await expect(template(STANDALONE, ...OF_EKS)).rejects.toThrow(
      'controller.mode is "standalone", but the API server\'s version is v1.36.1-eks-5f2a1c3',
    );
    await template(EKS, ...OF_EKS);
    await template(LEAST, ...OF_EKS);
  });

  it("is known by its webhook, where somebody runs it elsewhere", async () => {
    const namespace = await makeNamespace("webhook");
    expect(await dryRun(namespace, STANDALONE)).toBe("");
    const path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    const metadata = { name: "eks-vpc-resource-mutating-webhook-configuration" };
    // As AWS's controller has it, but for where it leads: to no pods.
    const webhook = {
      name: "mpod.vpc.k8s.aws",
      clientConfig: { url: "https://127.0.0.1:1/mutate-v1-pod" },
      failurePolicy: "Ignore",
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
      rules: [],
    };
    await server.admin.create(path, { metadata, webhooks: [webhook] });
    try {
      expect(await dryRun(namespace, STANDALONE)).toContain(
        `controller.mode is "standalone", but there is its webhook, in the MutatingWebhookConfiguration ${metadata.name}`,
      );
      expect(await dryRun(namespace, { ...LEAST, crds: { install: true } })).toContain(
        `crds.install is true, but there is its webhook, in the MutatingWebhookConfiguration ${metadata.name}`,
      );
      expect(await dryRun(namespace, EKS)).toBe("");
    } finally {
      await server.admin.delete(`${path}/${metadata.name}`);
    }
    expect(await dryRun(namespace, STANDALONE)).toBe("");
  });

  it("is given neither CRDs nor the mutating part, whatever kinds its API server has", async () => {
    const apis = ["--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"];
    const kinds = (await template(EKS, ...OF_EKS, ...apis)).map(({ kind }) => kind);
    expect(kinds).toContain("ValidatingAdmissionPolicy");
    expect(kinds.filter((kind) => /^(Mutating|CustomResource|Secret)/.test(kind))).toEqual([]);
  });
});

describe("without an API server, as Argo CD renders it", () => {
  it.each(["podMonitor", "serviceMonitor", "prometheusRule"])(
    "monitoring.%s needs its kind, and the refusal says how",
    async (flag) => {
      const kind = `monitoring.coreos.com/v1/${flag.replace(/^./, (first) => first.toUpperCase())}`;
      const monitoring = { [flag]: { enabled: true } };
      const values = { ...STANDALONE, metrics: { listen: ":61681" }, monitoring };
      await expect(template(values)).rejects.toThrow(
        `monitoring.${flag}.enabled is true, but the API server has no ${kind}: install the Prometheus operator first, or leave it false; helm template needs --api-versions ${kind}`,
      );
      const others = new Set((await template({ ...values, monitoring: {} })).map(({ kind: its }) => its));
      const more = await template(values, "--api-versions", kind);
      expect(
        more
          .filter(({ kind: its }) => !others.has(its))
          .map(({ apiVersion, kind: its }) => `${apiVersion}/${its}`),
      ).toEqual([kind]);
    },
  );

  it("leaves the Lease of a running controller alone at each sync, and keeps CRDs that are no longer wanted", async () => {
    const objects = await template({ ...STANDALONE, crds: { install: true } });
    const annotationsOf = (kind: string) =>
      objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.annotations);
    // It knows of no installation, and takes this hook for one of each sync, which deletes first.
    expect(annotationsOf("Lease")).toEqual([
      { "helm.sh/hook": "pre-install", "argocd.argoproj.io/hook": "Skip" },
    ]);
    const kept = {
      "helm.sh/resource-policy": "keep",
      "argocd.argoproj.io/sync-options": "Prune=false",
    };
    expect(annotationsOf("CustomResourceDefinition")).toEqual([
      expect.objectContaining(kept),
      expect.objectContaining(kept),
    ]);
    // Its only hooks but those of the end, which it does not run at a sync.
    const hooks = objects.flatMap(({ metadata }) => metadata.annotations?.["helm.sh/hook"] ?? []);
    expect(new Set(hooks)).toEqual(new Set(["pre-install", "pre-delete"]));
  });
});
