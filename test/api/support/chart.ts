import path from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubernetesObject } from "../../ground/kubernetes/client.ts";
import { helm } from "../../ground/kubernetes/tools.ts";

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

const rendered = new Map<string, Promise<KubernetesObject[]>>();

/** The objects that helm would make, hooks included; an Error with helm's words when it refuses the values. */
export function render(values: object, release: Release): Promise<KubernetesObject[]> {
  const key = JSON.stringify([values, release]);
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const objects = renderAnew(values, release);
  rendered.set(key, objects);
  return objects;
}

async function renderAnew(values: object, { name, namespace }: Release): Promise<KubernetesObject[]> {
  const { status, stdout, stderr } = await helm([
    "template",
    name,
    CHART,
    "--namespace",
    namespace,
    ...valuesOf(values),
  ]);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
}

/** Where the API server has an object. */
export function placeOf({ apiVersion, kind, metadata: { name, namespace } }: KubernetesObject): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${group}${scope}/${kind.toLowerCase()}s/${name}`;
}
