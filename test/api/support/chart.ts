import path from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../ground/kubernetes/client.ts";
import { helm } from "../../ground/kubernetes/tools.ts";
import type { Outcome } from "../../ground/run.ts";

export const CHART = path.resolve(import.meta.dirname, "../../../deploy/chart");

/** The least that the chart has to be given. */
export const LEAST: Readonly<Record<string, unknown>> = {
  image: { repository: "registry.test/branchline" },
  entry: { serviceCIDRs: ["10.96.0.0/16"] },
};

export interface Release {
  readonly name: string;
  readonly namespace: string;
}

/** Values as arguments of helm. */
export function valuesOf(values: object): readonly string[] {
  return Object.entries(values).flatMap(([key, value]) => ["--set-json", `${key}=${JSON.stringify(value)}`]);
}

/** helm's command with the chart as this release, which has to succeed. */
export async function mustHelm(
  { adminKubeconfig: kubeconfig }: { readonly adminKubeconfig: string },
  { name, namespace }: Release,
  command: "install" | "upgrade" | "rollback" | "uninstall",
  ...args: readonly string[]
): Promise<Outcome> {
  const chart = command === "rollback" || command === "uninstall" ? [] : [CHART];
  const argv = [command, name, ...chart, "--namespace", namespace, ...args];
  const outcome = await helm(argv, { kubeconfig, timeout: 120_000 });
  if (outcome.status !== 0) throw new Error(outcome.stderr);
  return outcome;
}

const rendered = new Map<string, Promise<KubernetesObject[]>>();

/** What helm does not know without an API server: kinds of Kubernetes 1.36, and of the Prometheus operator. */
const APIS = [
  "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",
  ...["PodMonitor", "PrometheusRule", "ServiceMonitor"].map((kind) => `monitoring.coreos.com/v1/${kind}`),
];

/** The objects that helm would make of an API server that has all of APIS, hooks included; an Error with helm's words when it refuses the values. */
export function render(values: object, release: Release): Promise<KubernetesObject[]> {
  const key = JSON.stringify([values, release]);
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const objects = renderAnew(values, release);
  rendered.set(key, objects);
  return objects;
}

async function renderAnew(values: object, { name, namespace }: Release): Promise<KubernetesObject[]> {
  const apis = APIS.flatMap((api) => ["--api-versions", api]);
  const argv = ["template", name, CHART, "--namespace", namespace, ...apis, ...valuesOf(values)];
  const { status, stdout, stderr } = await helm(argv);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

/** Where the API server has an object. */
export function placeOf({ apiVersion, kind, metadata: { name, namespace } }: KubernetesObject): string {
  // A policy's plural is not made by an s alone.
  const plural = `${kind.toLowerCase().replace(/y$/, "ie")}s`;
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${group}${scope}/${plural}/${name}`;
}
