import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { prometheusDirectory } from "../../setup/prometheus.ts";
import { eventually } from "../run.ts";
import type { ApiClient, KubernetesObject } from "./client.ts";

const CRDS = path.join(import.meta.dirname, "../../../deploy/crds");
const PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** The CRDs that we ship. */
export function crds(): readonly KubernetesObject[] {
  return globSync("*.yaml", { cwd: CRDS })
    .toSorted()
    .map((file) => parse(readFileSync(path.join(CRDS, file), "utf8")) as KubernetesObject);
}

/** The Prometheus operator's own: PodMonitor, PrometheusRule, ServiceMonitor. */
export function operatorCrds(): readonly KubernetesObject[] {
  const file = path.join(prometheusDirectory(), "operator-crds.yaml");
  if (!existsSync(file)) throw new Error(`no ${file}: run test/setup/prometheus.sh operator-crds.yaml`);
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as KubernetesObject);
}

/** Applies CRDs, those that we ship unless others are given, and waits until the API server serves them. */
export async function applyCrds(client: ApiClient, those = crds()): Promise<void> {
  for (const crd of those) {
    const url = `${PATH}/${crd.metadata.name}`;
    await client.patch(`${url}?fieldManager=branchline-test`, "apply", crd);
    await eventually(`${crd.metadata.name} is established`, async () =>
      conditionsOf(await client.get(url)).get("Established") === "True" ? true : undefined,
    );
    // The condition comes a moment before the answers.
    const { group, names, versions } = crd.spec as {
      group: string;
      names: { plural: string };
      versions: [{ name: string }];
    };
    const collection = `/apis/${group}/${versions[0].name}/${names.plural}?limit=1`;
    await eventually(`${collection} is served`, async () =>
      (await client.request("GET", collection)).status === 200 ? true : undefined,
    );
  }
}

/** The status of each of an object's conditions. */
export function conditionsOf({ status }: KubernetesObject): ReadonlyMap<string, string> {
  const conditions = (status?.["conditions"] ?? []) as readonly { type: string; status: string }[];
  return new Map(conditions.map((condition) => [condition.type, condition.status]));
}
